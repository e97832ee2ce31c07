//! Log lines on stderr, as text or JSON.

use std::io::IsTerminal;
use std::panic;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clean::{CleanFields, CleanJson};
use crate::cli::CommonArgs;
use crate::config::{Log, LogFormat, LogLevel};

/// Sends log lines to stderr from now on. The command line goes before `$RUST_LOG`, and that before the configuration.
///
/// Panics are logged too, in the same form as everything else. Fails if the process logs already.
pub fn init(config: &Log, args: &CommonArgs) -> anyhow::Result<()> {
    let filter = match (args.log_level, std::env::var("RUST_LOG")) {
        (Some(level), _) => at_least(level),
        (None, Ok(directives)) if !directives.is_empty() => EnvFilter::try_new(&directives)
            .map_err(|error| anyhow::anyhow!("RUST_LOG is `{directives}`: {error}"))?,
        (None, _) => at_least(config.level),
    };
    let lines = fmt().with_env_filter(filter);
    match args.log_format.unwrap_or(config.format) {
        LogFormat::Text => lines
            .with_writer(std::io::stderr)
            .fmt_fields(CleanFields)
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()?,
        LogFormat::Json => lines
            .with_writer(|| CleanJson(std::io::stderr()))
            .json()
            .flatten_event(true)
            .finish()
            .try_init()?,
    }
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", panic_message(info.payload()));
    }));
    Ok(())
}

/// The message of a panic's payload.
pub fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

fn at_least(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    EnvFilter::default().add_directive(level.into())
}
