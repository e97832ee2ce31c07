//! `cybexp up`: the whole suite on one machine.

pub(crate) mod setup;
pub(crate) mod suite;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use setup::First;
use suite::{Place, Suite};

/// How often the daemons are looked after.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct UpArgs {
    /// The folder of configuration, keys and data [default: $XDG_DATA_HOME/cybexp, else ~/.local/share/cybexp]
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// The first organisation, made at the first start
    #[arg(long, value_name = "ORGNAME", default_value = "home")]
    org: String,
    /// The e-mail address of its admin
    #[arg(long, value_name = "EMAIL", default_value = "admin@localhost")]
    admin: String,
}

pub(crate) fn main(args: &UpArgs, config: Option<PathBuf>) -> ExitCode {
    let outcome = Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args, config)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("cybexp up: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &UpArgs, config: Option<PathBuf>) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(asked_to_stop()?);
    let first = First {
        orgname: &args.org,
        admin: &args.admin,
        key_bits: 3072,
        more: json!({}),
    };
    let folder = match (&args.dir, &config) {
        (Some(folder), _) => folder.clone(),
        (None, Some(_)) => PathBuf::new(),
        (None, None) => data_folder()?,
    };
    let place = config
        .as_deref()
        .map_or(Place::Folder(&folder), Place::Config);
    let mut suite = tokio::select! {
        suite = Suite::start(place, &first, |text| anstream::eprintln!("{text}")) => suite?,
        () = &mut stop => return Ok(()),
    };
    show(&suite);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(LOOK) => suite.children.revive(),
        }
    }
    anstream::eprintln!("stopping");
    suite.stop().await
}

/// Resolves at SIGINT or SIGTERM.
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

fn data_folder() -> anyhow::Result<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".local/share"));
    let data = data
        .or_else(home)
        .context("there is no home folder: give one with --dir")?;
    Ok(data.join("cybexp"))
}

fn show(suite: &Suite) {
    let config = suite.folder.join("config.json");
    anstream::println!("API      {}", suite.config.api.url);
    anstream::println!("MongoDB  {}", suite.mongo_url);
    anstream::println!(
        "config   {}",
        suite.config.file().unwrap_or(&config).display()
    );
    if let Some(made) = &suite.accounts {
        anstream::println!("\nMade at this first start, and shown only now:");
        anstream::println!(
            "  organisation  {}  {}",
            made.org.orgname(),
            made.org.hash()
        );
        anstream::println!("  admin         {}", made.admin.email());
        anstream::println!("  password      {}", made.password);
        anstream::println!("  token         {}", made.token);
        anstream::println!("\nPost a honeypot's log:");
        anstream::println!(
            "  cybexp --config {} post --lines --typetag cowrie --org {} cowrie.json",
            suite.config.file().unwrap_or(&config).display(),
            made.org.orgname()
        );
    }
    anstream::println!("\nThe suite is up until Ctrl-C.");
}
