//! What a person does with the suite: one file a command.

mod bench;
mod doctor;
mod filter;
mod keygen;
mod manual;
mod named;
mod org;
mod post;
mod quarantine;
mod query;
mod ready;
mod token;
mod typetag;
mod usage;
mod user;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use cybexp_service::config::{Db, Format, Level, Log};
use cybexp_service::{CommonArgs, Config, ConfigError, EXIT_FAILED, EXIT_USAGE, init_logging};
use cybexp_store::{Identity, Server};
use cybexp_term as term;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tahoe_core::{Hash, Org, User};
use tokio::runtime::Runtime;

use cybexp_client::Client;
use usage::Usage;

use crate::site::Choice;

/// Where a token may stand that is not in the configuration.
const TOKEN_VARIABLE: &str = "CYBEXP_TOKEN";

#[derive(Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one in all, and it is read once"
)]
pub(crate) enum Tool {
    /// Make the pair of keys that submissions are sealed and opened with
    Keygen(keygen::Args),
    /// Users: add, list, delete, change a password
    #[command(subcommand)]
    User(user::Action),
    /// Organisations: add, list, delete, say who belongs to them
    #[command(subcommand)]
    Org(org::Action),
    /// Make a token, with which a user or a program speaks to the API; list or revoke tokens
    Token(token::Args),
    /// Submit files through the API
    Post(post::Args),
    /// Ask a question through the API, or many
    Query(Box<query::Args>),
    /// Records that were set aside: list them, show one, have them tried again, delete them
    #[command(subcommand)]
    Quarantine(quarantine::Action),
    /// For people who write filters
    #[command(subcommand)]
    Filter(filter::Action),
    /// Check configuration, databases, indexes, keys and daemons
    Doctor,
    /// Measure how fast it is on this machine
    #[command(subcommand)]
    Bench(bench::Action),
    /// Exit with 0 if a URL answers with 200
    #[command(hide = true)]
    Ready(ready::Args),
    /// Print completions for a shell
    Completions(manual::Completions),
    /// Print the manual page, or write those of all commands
    #[command(hide = true)]
    Man(manual::Man),
}

pub(crate) fn main(tool: Tool, common: &CommonArgs) -> ExitCode {
    // two TLS libraries in one build make rustls panic unless one is chosen; that one is chosen already is fine
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // a person wants results; what the libraries have to say comes when asked for
    let log = Log {
        level: Level::Warn,
        format: Format::Text,
    };
    let outcome = init_logging(&log, common)
        .and_then(|()| Runtime::new().context("cannot start the runtime"))
        .and_then(|runtime| {
            let outcome = runtime.block_on(run(tool, common));
            // tasks of the database's driver panic when they are ended halfway, which is of no matter now
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

async fn run(tool: Tool, common: &CommonArgs) -> anyhow::Result<ExitCode> {
    let config = || Choice::of(common).load();
    match tool {
        Tool::Keygen(args) => keygen::run(&args, config),
        Tool::User(action) => user::run(action, &config()?).await,
        Tool::Org(action) => org::run(action, &config()?).await,
        Tool::Token(args) => token::run(args, &config()?).await,
        Tool::Post(args) => post::run(args, &config()?).await,
        Tool::Query(args) => query::run(*args, &config()?).await,
        Tool::Quarantine(action) => quarantine::run(action, &config()?).await,
        Tool::Filter(action) => filter::run(&action),
        Tool::Doctor => doctor::run(&Choice::of(common)).await,
        Tool::Bench(action) => bench::run(action, config).await,
        Tool::Ready(args) => ready::run(&args).await,
        Tool::Completions(args) => manual::completions(&args),
        Tool::Man(args) => manual::man(&args),
    }
}

/// How a command reaches the API.
#[derive(clap::Args)]
pub(crate) struct ApiArgs {
    /// Where the API is [default: api.url of the configuration]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// The file that holds the token [default: $CYBEXP_TOKEN, else api.token of the configuration]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl ApiArgs {
    fn client(&self, config: &Config) -> anyhow::Result<Client> {
        let token = self.token(config)?;
        ensure!(
            !token.expose_secret().is_empty(),
            "there is no token: make one with `cybexp token EMAIL`, and give it with --token-file, in ${TOKEN_VARIABLE} \
             or as api.token of the configuration ({})",
            config.origin()
        );
        let url = self.url.clone().unwrap_or_else(|| config.api.url.clone());
        Client::new(url, Some(token))
    }

    fn token(&self, config: &Config) -> anyhow::Result<SecretString> {
        if let Some(file) = &self.token_file {
            return read_line(file).map(SecretString::from);
        }
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => Ok(token.into()),
            _ => Ok(config.api_token()?),
        }
    }
}

/// The server of a collection; `key` is where the configuration has its URL.
async fn server(db: &Db, key: &str) -> anyhow::Result<Server> {
    let server = Server::connect(db.url.expose(), "cybexp")
        .await
        .context(key.to_owned())?;
    match server.ping().await {
        Ok(()) => Ok(server),
        Err(error) => bail!(
            "no MongoDB at {}: {}; is it running, and is {key} of the configuration right? (`cybexp doctor` tells \
             more, `cybexp up` brings one of its own)",
            db.url,
            error.brief()
        ),
    }
}

/// Users and organisations.
async fn identity(config: &Config) -> anyhow::Result<Identity> {
    let db = config.identity_db()?;
    let server = server(&db, "identity.mongo_url").await?;
    Ok(Identity::open(&server, &db.db, &db.coll).await?)
}

/// The user of an e-mail address or hash.
async fn find_user(identity: &Identity, name: &str) -> anyhow::Result<User> {
    let user = match name.parse::<Hash>() {
        Ok(hash) => identity.user(hash).await?,
        Err(_) => identity.user_by_email(name).await?,
    };
    user.with_context(|| {
        format!(
            "there is no user {name}: `cybexp user list` shows all, `cybexp user add` makes one"
        )
    })
}

async fn find_users(identity: &Identity, names: &[String]) -> anyhow::Result<Vec<User>> {
    let mut users = Vec::with_capacity(names.len());
    for name in names {
        users.push(find_user(identity, name).await?);
    }
    Ok(users)
}

/// The organisation of a name or hash.
async fn find_org(identity: &Identity, name: &str) -> anyhow::Result<Org> {
    let hash = Org::hash_named(name);
    identity.org(hash).await?.with_context(|| {
        format!("there is no organisation {name}: `cybexp org list` shows all, `cybexp org add` makes one")
    })
}

/// The text of a file, or of the standard input where it is `-`, without the line end at its end.
fn read_line(file: &Path) -> anyhow::Result<String> {
    let text = read_text(file)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The text of a file, or of the standard input where it is `-`.
fn read_text(file: &Path) -> anyhow::Result<String> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.with_context(|| file.display().to_string())
}

/// Whether the person agrees: asked for at the terminal, unless `yes` says so already.
fn agreed(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!(Usage(format!(
            "{question} Give --yes where nobody can be asked"
        )));
    }
    let question = format!("{} [y/N]", term::line(question));
    anstream::eprint!("{} ", term::wrapped(&question, 0, 0));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    ensure!(
        matches!(answer.trim(), "y" | "Y" | "yes"),
        "nothing was done"
    );
    Ok(())
}

/// Whole seconds since 1970.
fn unix_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
