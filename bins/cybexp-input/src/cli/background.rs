//! The daemon, started from a terminal that it survives.

use std::fs::OpenOptions;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use cybexp_service::{CommonArgs, Config};
use cybexp_term as term;

use super::out::tell;
use crate::running;
use crate::select::Select;

/// Between two looks at a daemon that starts or ends.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The daemon's log file, in `input.run_dir`.
const LOG: &str = "cybexp-input.log";
/// Lines of it that are shown when it does not start.
const LINES: usize = 10;

/// Starts the daemon with these inputs where it does not run, and waits until it can be spoken to; whether it was started.
///
/// # Errors
/// When it ends instead, with the end of its log.
pub(super) async fn ensure(
    config: &Config,
    common: &CommonArgs,
    select: &Select,
) -> anyhow::Result<bool> {
    let run_dir = &config.input.run_dir;
    if running::find(run_dir)?.is_some() {
        return Ok(false);
    }
    let log = run_dir.join(LOG);
    let mut child = spawn(config, common, select, &log)?;
    while running::find(run_dir)?.is_none_or(|running| running.pid != child.id()) {
        if let Some(status) = child.try_wait()? {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(LINES)..] {
                tell(term::line(line));
            }
            bail!(
                "the daemon ended with {status}; above is the end of {}",
                log.display()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
    tell(format!(
        "the daemon runs as process {}, its log is {}",
        child.id(),
        log.display()
    ));
    Ok(true)
}

fn spawn(
    config: &Config,
    common: &CommonArgs,
    select: &Select,
    log: &Path,
) -> anyhow::Result<Child> {
    let folder = log.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| folder.display().to_string())?;
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(log);
    let file = file.with_context(|| log.display().to_string())?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.args(["run", "--background"]);
    if let Some(config) = config.file() {
        command.arg("--config").arg(config);
    }
    if let Some(level) = common
        .log_level
        .and_then(|level| clap::ValueEnum::to_possible_value(&level))
    {
        command.args(["--log-level", level.get_name()]);
    }
    for name in &select.names {
        command.args(["--name", name]);
    }
    for plugin in &select.plugins {
        command.args(["--plugin", plugin]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .context("cannot start the daemon")
}
