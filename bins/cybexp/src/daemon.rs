//! Daemons as child processes: both sides of it.
//!
//! Each child holds the reading end of a pipe as its standard input. When the owner ends, in whatever way, the
//! pipe closes and the child stops as if asked to.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cybexp_service::run_daemon;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cli::{ChildArgs, Daemon};

/// Longer than a daemon's own grace.
const STOP: Duration = Duration::from_secs(15);

/// The child's side: runs the daemon until it is asked to stop or its owner is gone.
pub(crate) fn main(child: ChildArgs) -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = kill(Pid::this(), Signal::SIGTERM);
    });
    let (name, args) = (child.which.name(), child.args);
    match child.which {
        Daemon::Archive => run_daemon(name, args, cybexp_archive::run),
        Daemon::Analytics => run_daemon(name, args, cybexp_analytics::run),
        Daemon::Report => run_daemon(name, args, cybexp_report::run),
    }
}

/// The owner's side: daemons that stop when this is dropped.
pub(crate) struct Children(Vec<(Daemon, Child, std::path::PathBuf)>);

impl Children {
    /// Starts the daemons, which log into files of their name in `logs`.
    pub(crate) fn start(daemons: &[Daemon], config: &Path, logs: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut children = Self(Vec::new());
        for &daemon in daemons {
            let name = daemon.name();
            let log = logs.join(format!("{name}.log"));
            let file = File::create(&log).with_context(|| log.display().to_string())?;
            let child = Command::new(&program)
                .args(["daemon", name, "--config"])
                .arg(config)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(file)
                // Ctrl-C in the terminal is for the owner, who then stops them in order
                .process_group(0)
                .spawn()
                .with_context(|| format!("cannot start {name}"))?;
            children.0.push((daemon, child, log));
        }
        Ok(children)
    }

    /// An error, with the end of its log, if one of them has ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for (daemon, child, log) in &mut self.0 {
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let end = lines[lines.len().saturating_sub(10)..].join("\n");
                bail!(
                    "{} ended with {status}; the end of its log:\n{end}",
                    daemon.name()
                );
            }
        }
        Ok(())
    }

    /// Stops them one after the other, each when it is done with the work in hand.
    pub(crate) fn stop(&mut self) {
        for (_, child, _) in &mut self.0 {
            let pid = Pid::from_raw(child.id().cast_signed());
            let _ = kill(pid, Signal::SIGTERM);
            let since = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && since.elapsed() < STOP {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        self.0.clear();
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.stop();
    }
}
