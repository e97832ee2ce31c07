//! The command `cybexp-input`.

mod background;
mod check;
mod drop;
mod known;
mod list;
mod out;
pub mod show;
mod test;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use cybexp_service::config::{Log, LogFormat, LogLevel};
use cybexp_service::site::ConfigChoice;
use cybexp_service::{
    CommonArgs, Config, ConfigError, EXIT_FAILED, EXIT_USAGE, GRACE, init_logging, run_daemon,
};
use cybexp_term as term;
use tokio::runtime::Runtime;

use crate::control::Request;
use crate::control::client::{Control, ControlError};
use crate::daemon_status::DaemonStatus;
use crate::running;
use crate::select::Select;
use crate::{NAME, run_some};
use background::LOOK;
use known::known;
use out::{OutputClosed, say, tell};

/// Exit status when no daemon can be reached.
const EXIT_UNREACHABLE: u8 = 3;
/// Collects from feeds, files and sockets, and posts to the API.
///
/// Exit status: 0 all is right, 1 some input is not, 2 wrong usage or configuration, 3 no daemon can be reached
#[derive(Parser)]
#[command(name = "cybexp-input", version)]
struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    common: CommonArgs,
    #[command(subcommand)]
    command: InputCommand,
}

#[derive(Subcommand)]
enum InputCommand {
    /// Run the daemon in the foreground, as systemd and Docker want it
    Run(RunArgs),
    /// Start inputs; and the daemon in the background, where it does not run yet
    Start(Select),
    /// Stop inputs; all of them: the daemon
    Stop(Select),
    /// Read the configuration again: what has changed is started anew, the rest is left alone
    Restart(RestartArgs),
    /// Show how the inputs are
    Status(Output),
    /// Show the plugins, what they want to know, and an example
    List(list::ListArgs),
    /// Try the configuration, each source and the API, without taking anything
    Check(Output),
    /// Fetch once and print what would be posted, without taking anything
    Test(test::TestArgs),
    /// Forget inputs that the configuration has no more, with what the spool has of them
    Drop(drop::DropArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    select: Select,
    /// Leave the terminal that it was started from
    #[arg(long, hide = true)]
    background: bool,
}

#[derive(Args)]
struct RestartArgs {
    #[command(flatten)]
    select: Select,
    /// Start all inputs anew, also those that have not changed; those named with -n or -p always are
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
struct Output {
    #[command(flatten)]
    select: Select,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The description of the command line. All commands but `run` also find the configuration of `cybexp up`.
fn command_line() -> clap::Command {
    Cli::command().mut_arg("config", |config| {
        config.help(
            "Configuration file [default: that of a running `cybexp up`, else ./config/config.json, \
             /etc/cybexp/config.json, that in the folder of `up`; for `run` the second or third only]",
        )
    })
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let matches = command_line().get_matches();
    let Cli { common, command } =
        Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let InputCommand::Run(RunArgs { select, background }) = command {
        if background {
            // it fails only for who leads a group already
            let _ = nix::unistd::setsid();
        }
        return run_daemon(NAME, common, |ctx| run_some(ctx, select));
    }
    // two TLS libraries in one build make rustls panic unless one is chosen; that one is chosen already is fine
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let log = Log {
        level: LogLevel::Error,
        format: LogFormat::Text,
    };
    let outcome = init_logging(&log, &common)
        .and_then(|()| Runtime::new().context("cannot start the runtime"))
        .and_then(|runtime| runtime.block_on(obey(command, &common)));
    outcome.unwrap_or_else(|error| {
        if error.is::<OutputClosed>() {
            return ExitCode::SUCCESS;
        }
        let told = format!("cybexp-input: {}", term::line(&term::told(&error)));
        tell(term::wrapped(&told, 0, 2));
        ExitCode::from(if error.chain().any(|cause| cause.is::<ConfigError>()) {
            EXIT_USAGE
        } else if error.is::<ControlError>() {
            EXIT_UNREACHABLE
        } else {
            EXIT_FAILED
        })
    })
}

/// Loads the chosen file. If there are others, a line on the standard error names the chosen one.
fn load(choice: &ConfigChoice) -> Result<Config, ConfigError> {
    if let Some(note) = choice.note() {
        tell(term::wrapped(&term::line(&note), 0, 2));
    }
    Config::load(choice.file.as_deref())
}

async fn obey(command: InputCommand, common: &CommonArgs) -> anyhow::Result<ExitCode> {
    match &command {
        InputCommand::List(args) => {
            list::show(args)?;
            return Ok(ExitCode::SUCCESS);
        }
        InputCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command_line(), "cybexp-input", &mut script);
            say(String::from_utf8_lossy(&script).trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let config = load(&ConfigChoice::of(common))?;
    let run_dir = config.input.run_dir.clone();
    match command {
        InputCommand::Run(_) | InputCommand::List(_) | InputCommand::Completions { .. } => {
            Ok(ExitCode::SUCCESS)
        }
        InputCommand::Start(select) => {
            known(&select, &config)?;
            background::ensure(&config, common, &select).await?;
            let status = Control::open(&run_dir)
                .await?
                .ask(&Request::Start { select })
                .await?;
            shown(&status)
        }
        InputCommand::Restart(RestartArgs { select, all }) => {
            known(&select, &config)?;
            if background::ensure(&config, common, &select).await? {
                // it has just read it
                let request = Request::Start { select };
                return shown(&Control::open(&run_dir).await?.ask(&request).await?);
            }
            let request = Request::Restart { select, every: all };
            let status = Control::open(&run_dir).await?.ask(&request).await?;
            shown(&status)
        }
        InputCommand::Stop(select) => {
            let all = select.is_all();
            let status = Control::open(&run_dir)
                .await?
                .ask(&Request::Stop { select })
                .await?;
            let printed = say(show::status(&status));
            if all {
                ended(&config).await?;
                tell("the daemon has ended");
            }
            printed?;
            Ok(ExitCode::SUCCESS)
        }
        InputCommand::Status(Output { select, json }) => {
            let status = Control::open(&run_dir)
                .await?
                .ask(&Request::Status { select })
                .await?;
            if json {
                say(term::json(&serde_json::to_value(&status)?))?;
            } else {
                say(show::status(&status))?;
            }
            Ok(exit(&status))
        }
        InputCommand::Check(Output { select, json }) => check::run(&config, &select, json).await,
        InputCommand::Test(args) => test::run(&config, args).await,
        InputCommand::Drop(args) => drop::run(&config, args).await,
    }
}

fn shown(status: &DaemonStatus) -> anyhow::Result<ExitCode> {
    say(show::status(status))?;
    Ok(exit(status))
}

fn exit(status: &DaemonStatus) -> ExitCode {
    ExitCode::from(if status.is_right() { 0 } else { EXIT_FAILED })
}

/// Waits until the daemon's process has given up its place.
async fn ended(config: &Config) -> anyhow::Result<()> {
    let since = Instant::now();
    while running::is_taken(&config.input.run_dir)? {
        // longer than the daemon gives itself
        if since.elapsed() > GRACE * 2 {
            bail!(
                "the daemon was asked to end and has not after {} s",
                since.elapsed().as_secs()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
