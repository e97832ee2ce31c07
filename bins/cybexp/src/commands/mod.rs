//! Commands for people who use or run the suite: one file or folder for each.

mod agree;
mod api;
mod bench;
mod clock;
mod databases;
mod doctor;
mod feed;
mod filter;
mod forget;
mod geoip;
mod keygen;
mod manual;
mod mark;
mod membership;
mod migrate;
mod named;
mod org;
mod people;
mod post;
mod quarantine;
mod query;
mod ready;
mod text;
mod token;
mod typetag;
mod usage;
mod user;
mod verify;
mod watch;

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use cybexp_service::config::{Log, LogFormat, LogLevel};
use cybexp_service::site::ConfigChoice;
use cybexp_service::{CommonArgs, Config, ConfigError, EXIT_FAILED, EXIT_USAGE, init_logging};
use cybexp_term::{self as term, DIM};
use tokio::runtime::Runtime;

use usage::Usage;

#[derive(Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one in all, and it is read once"
)]
pub(crate) enum Tool {
    /// Make the pair of keys that submissions are sealed and opened with
    Keygen(keygen::KeygenArgs),
    /// Users: add, list, delete, lock, change a password
    #[command(subcommand)]
    User(user::UserCommand),
    /// Organisations: add, list, delete, add or remove members
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Your own organisations and invitations, through the API: list, accept, decline, leave
    #[command(subcommand)]
    Membership(membership::MembershipCommand),
    /// Tokens, with which a user or a program speaks to the API: make, list, revoke
    Token(token::TokenArgs),
    /// Submit files through the API
    Post(post::PostArgs),
    /// Ask a question through the API, or many
    Query(Box<query::Args>),
    /// Feeds, which others read by URL: add, list, show, remove
    #[command(subcommand)]
    Feed(feed::FeedCommand),
    /// Watch new events come in, or be told of those with a value or of a kind
    Watch(watch::WatchArgs),
    /// Judge for an organisation: a verdict on a value, or the category of an event
    #[command(subcommand)]
    Mark(mark::MarkCommand),
    /// Records in quarantine: list, show, retry, delete
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Remove a raw, a value or all data of an organisation, at once
    #[command(subcommand)]
    Forget(forget::ForgetCommand),
    /// Try the filters on a record or a session, without a database; run one over what is in the archive
    #[command(subcommand)]
    Filter(filter::FilterCommand),
    /// Take over an archive that the Python system or an earlier release wrote; the daemons must be stopped
    Migrate(migrate::MigrateArgs),
    /// Databases of networks: install free ones, look up an address
    #[command(subcommand)]
    Geoip(geoip::GeoipCommand),
    /// Check configuration, databases, indexes, keys and daemons
    Doctor,
    /// Read the databases and prove that nothing is lost, there twice, or names what is not there; may run beside the daemons
    Verify(verify::VerifyArgs),
    /// Measure the speed of reports, or of the way in, on this machine
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Exit with 0 if a URL answers with 200
    #[command(hide = true)]
    Ready(ready::ReadyArgs),
    /// Print completions for a shell
    Completions(manual::Completions),
    /// Print the manual page, or write the pages of all commands
    #[command(hide = true)]
    Man(manual::Man),
}

/// Runs a command and returns the exit status. `command_line` describes the whole command line, for completions and manual
/// pages.
pub(crate) fn main(
    tool: Tool,
    common: &CommonArgs,
    command_line: fn() -> clap::Command,
) -> ExitCode {
    // two TLS libraries in one build make rustls panic unless one is chosen; a second choice fails, which is fine
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // a person wants results; log lines of libraries come only on request
    let log = Log {
        level: LogLevel::Warn,
        format: LogFormat::Text,
    };
    let outcome = init_logging(&log, common)
        .and_then(|()| Runtime::new().context("cannot start the runtime"))
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(tool, common, command_line));
            // tasks of the database's driver panic when they are ended halfway, which does no harm at the end
            std::panic::set_hook(Box::new(|_| ()));
            runtime.shutdown_background();
            outcome
        });
    outcome.unwrap_or_else(|error| {
        let told = term::line(&term::told(&error));
        anstream::eprintln!("cybexp: {}", term::wrapped(&told, 8, 8));
        let wrong = |cause: &(dyn std::error::Error + 'static)| {
            cause.is::<ConfigError>() || cause.is::<Usage>()
        };
        let usage = error.chain().any(wrong);
        ExitCode::from(if usage { EXIT_USAGE } else { EXIT_FAILED })
    })
}

/// Loads the chosen file. If there are others, a line on the standard error names the chosen one.
fn load(choice: &ConfigChoice) -> Result<Config, ConfigError> {
    if let Some(note) = choice.note() {
        let note = term::wrapped(&term::line(&note), 0, 2);
        anstream::eprintln!("{DIM}{note}{DIM:#}");
    }
    Config::load(choice.file.as_deref())
}

async fn run(
    tool: Tool,
    common: &CommonArgs,
    command_line: fn() -> clap::Command,
) -> anyhow::Result<ExitCode> {
    let config = || load(&ConfigChoice::of(common));
    match tool {
        Tool::Keygen(args) => keygen::run(&args, config),
        Tool::User(action) => user::run(action, &config()?).await,
        Tool::Org(action) => org::run(action, &config()?).await,
        Tool::Membership(action) => membership::run(action, &config()?).await,
        Tool::Token(args) => token::run(args, &config()?).await,
        Tool::Post(args) => post::run(args, &config()?).await,
        Tool::Query(args) => query::run(*args, &config()?).await,
        Tool::Feed(action) => feed::run(action, &config()?).await,
        Tool::Watch(args) => watch::run(args, &config()?).await,
        Tool::Mark(action) => mark::run(action, &config()?).await,
        Tool::Quarantine(action) => quarantine::run(action, &config()?).await,
        Tool::Forget(action) => forget::run(action, &config()?).await,
        Tool::Filter(action) => filter::run(&action, config).await,
        Tool::Geoip(action) => geoip::run(&action, config),
        Tool::Migrate(args) => migrate::run(&args, &config()?).await,
        Tool::Doctor => doctor::run(&ConfigChoice::of(common)).await,
        Tool::Verify(args) => verify::run(&args, &config()?).await,
        Tool::Bench(action) => bench::run(action, config).await,
        Tool::Ready(args) => ready::run(&args).await,
        Tool::Completions(args) => manual::completions(&args, command_line()),
        Tool::Man(args) => manual::man(&args, command_line()),
    }
}
