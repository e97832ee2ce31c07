//! `cybexp up`: the whole suite on one machine.

pub(crate) mod browser;
mod mongo;
pub(crate) mod ports;
pub(crate) mod setup;
pub(crate) mod show;
pub(crate) mod suite;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use cybexp_service::site::data_folder;
use cybexp_service::{CommonArgs, EXIT_USAGE};
use cybexp_term as term;

use setup::FirstStart;
use suite::{Suite, SuiteHome, SuiteOptions};

/// The time between two checks of the daemons.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct UpArgs {
    /// The folder of configuration, keys and data; takes precedence over $CYBEXP_CONFIG [default: $XDG_DATA_HOME/cybexp, else
    /// ~/.local/share/cybexp]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The organisation that the first start makes
    #[arg(long, value_name = "ORGNAME", default_value = "home")]
    org: String,
    /// The e-mail address of the admin that the first start makes
    #[arg(long, value_name = "EMAIL", default_value = "admin@localhost")]
    admin: String,
    /// Do not collect from the inputs that the configuration enables
    #[arg(long)]
    no_inputs: bool,
}

/// Runs `cybexp up` until SIGINT or SIGTERM. `named`: the command line itself names the configuration, and not the
/// environment.
pub(crate) fn main(args: &UpArgs, common: CommonArgs, named: bool) -> ExitCode {
    if named && args.dir.is_some() {
        anstream::eprintln!(
            "cybexp up: --dir and --config each name a configuration: give one of them"
        );
        return ExitCode::from(EXIT_USAGE);
    }
    let outcome = Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args, common)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!(
                "{}",
                term::wrapped(&format!("cybexp up: {}", term::told(&error)), 0, 2)
            );
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &UpArgs, common: CommonArgs) -> anyhow::Result<()> {
    let config = common.config;
    let options = SuiteOptions {
        only: None,
        inputs: !args.no_inputs,
        log_level: common.log_level,
        log_format: common.log_format,
    };
    let mut stop = std::pin::pin!(asked_to_stop()?);
    let first = FirstStart {
        orgname: &args.org,
        admin: &args.admin,
        key_bits: 3072,
        more: json!({}),
        files: &[],
    };
    let folder = match (&args.dir, &config) {
        (Some(folder), _) => folder.clone(),
        (None, Some(_)) => PathBuf::new(),
        (None, None) => data_folder()?,
    };
    let home = match (&args.dir, &config) {
        (None, Some(file)) => SuiteHome::Config(file),
        _ => SuiteHome::Folder(&folder),
    };
    let mut suite = tokio::select! {
        suite = Suite::start(home, &first, &options, |text| anstream::eprintln!("{text}")) => suite?,
        () = &mut stop => return Ok(()),
    };
    show::up(&suite, args.no_inputs);
    let mut presses = browser::offer(&suite);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = browser::pressed(&mut presses) => browser::open(&suite, &args.admin).await,
            () = tokio::time::sleep(LOOK) => suite.look().await,
        }
    }
    anstream::eprintln!("stopping");
    suite.stop().await
}

/// Returns a future that resolves at SIGINT or SIGTERM.
pub(crate) fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
