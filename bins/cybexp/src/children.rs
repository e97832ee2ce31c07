//! Daemons as child processes, seen from their owner: starts, watches, restarts and stops them.
//!
//! Each child holds the reading end of a pipe as its standard input. When the owner ends, in whatever way, the
//! pipe closes and the child stops as if asked to. The other side is in [`crate::child`].

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;

/// The longest wait for a daemon to stop before it is killed: longer than the daemon's own grace.
const STOP: Duration = Duration::from_secs(15);
/// The running time after which a daemon counts as healthy; also the longest wait before a restart.
const STABLE: Duration = Duration::from_secs(60);

/// The destination of the daemons' logs.
pub(crate) enum ChildLogs {
    /// This process's own standard error.
    Terminal,
    /// One file for each daemon, `NAME.log`, in this folder.
    Files(PathBuf),
}

/// Running daemons. Dropping this stops them.
pub(crate) struct ChildProcesses {
    program: PathBuf,
    config: PathBuf,
    logs: ChildLogs,
    /// Further arguments for each daemon.
    args: Vec<String>,
    running: Vec<Running>,
}

struct Running {
    daemon: Daemon,
    child: Child,
    since: Instant,
    /// The number of times in a row that the daemon ended soon after its start.
    failures: u32,
    /// The time to start the daemon again, once it has ended.
    again: Option<Instant>,
}

impl ChildProcesses {
    /// Starts the daemons, each with the further arguments `args`.
    pub(crate) fn start(
        daemons: &[Daemon],
        config: &Path,
        logs: ChildLogs,
        args: Vec<String>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut children = Self {
            program,
            config: config.to_owned(),
            logs,
            args,
            running: Vec::new(),
        };
        for &daemon in daemons {
            children.add(daemon)?;
        }
        Ok(children)
    }

    /// Starts one more daemon, and puts it at its place in the order of stopping.
    pub(crate) fn add(&mut self, daemon: Daemon) -> anyhow::Result<()> {
        let child = self.spawn(daemon, &[])?;
        let place = self.running.iter().position(|other| other.daemon > daemon);
        let running = Running {
            daemon,
            child,
            since: Instant::now(),
            failures: 0,
            again: None,
        };
        self.running
            .insert(place.unwrap_or(self.running.len()), running);
        Ok(())
    }

    /// Runs this many of a daemon with `--once`, at the same time. Returns the time until the last one has ended, and the
    /// most memory that one of them had, in KiB.
    pub(crate) fn once(&self, daemon: Daemon, number: usize) -> anyhow::Result<(Duration, u64)> {
        let since = Instant::now();
        let mut children = Vec::new();
        for _ in 0..number {
            children.push(self.spawn(daemon, &["--once"])?);
        }
        let mut peak = 0;
        while !children.is_empty() {
            let mut running = Vec::new();
            for mut child in children {
                peak = peak.max(peak_kib(child.id()));
                match child.try_wait()? {
                    None => running.push(child),
                    Some(status) if status.success() => {}
                    Some(status) => bail!("{} ended with {status}", daemon.name()),
                }
            }
            children = running;
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok((since.elapsed(), peak))
    }

    /// Returns the most memory that each running daemon has had, in KiB.
    pub(crate) fn peaks(&self) -> Vec<(Daemon, u64)> {
        let running = self.running.iter();
        running
            .map(|running| (running.daemon, peak_kib(running.child.id())))
            .collect()
    }

    fn spawn(&self, daemon: Daemon, more: &[&str]) -> anyhow::Result<Child> {
        let name = daemon.name();
        let stderr = match &self.logs {
            ChildLogs::Terminal => Stdio::inherit(),
            ChildLogs::Files(folder) => {
                let file = log_file(folder, daemon);
                let log = OpenOptions::new().append(true).create(true).open(&file);
                log.with_context(|| file.display().to_string())?.into()
            }
        };
        Command::new(&self.program)
            .args(["daemon", name, "--config"])
            .arg(&self.config)
            .args(&self.args)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(stderr)
            // Ctrl-C in the terminal is for the owner, who then stops them in order
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))
    }

    /// Fails if a daemon has ended by itself; the error shows the end of its log.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for running in &mut self.running {
            if let Some(status) = running.child.try_wait()? {
                let name = running.daemon.name();
                let ChildLogs::Files(folder) = &self.logs else {
                    bail!("{name} ended with {status}");
                };
                let log = log_file(folder, running.daemon);
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let end = lines[lines.len().saturating_sub(10)..].join("\n");
                bail!("{name} ended with {status}; the end of its log:\n{end}");
            }
        }
        Ok(())
    }

    /// Restarts daemons that have ended by themselves, with back-off if one keeps ending.
    pub(crate) fn revive(&mut self) {
        for i in 0..self.running.len() {
            let running = &mut self.running[i];
            match (running.child.try_wait(), running.again) {
                (Ok(None), _) => continue,
                (status, None) => {
                    let name = running.daemon.name();
                    let lived = running.since.elapsed() > STABLE;
                    running.failures = if lived { 0 } else { running.failures + 1 };
                    let wait = Duration::from_secs(1 << running.failures.min(6)).min(STABLE);
                    running.again = Some(Instant::now() + wait);
                    let status = status
                        .ok()
                        .flatten()
                        .map(|s| s.to_string())
                        .unwrap_or_default();
                    let seconds = wait.as_secs();
                    anstream::eprintln!(
                        "{name} ended with {status}; starting it again in {seconds} s"
                    );
                }
                (_, Some(again)) if Instant::now() >= again => {
                    let daemon = running.daemon;
                    let child = self.spawn(daemon, &[]);
                    let running = &mut self.running[i];
                    running.again = None;
                    running.since = Instant::now();
                    match child {
                        Ok(child) => running.child = child,
                        Err(error) => anstream::eprintln!("{error:#}"),
                    }
                }
                (_, Some(_)) => {}
            }
        }
    }

    /// Stops the daemons one after the other; each finishes the work in hand first.
    pub(crate) fn stop(&mut self) {
        self.stop_where(|_| true);
    }

    /// Stops all of one kind.
    pub(crate) fn stop_daemon(&mut self, daemon: Daemon) {
        self.stop_where(|other| other == daemon);
    }

    fn stop_where(&mut self, is_wanted: impl Fn(Daemon) -> bool) {
        self.running.retain_mut(|running| {
            let stops = is_wanted(running.daemon);
            if stops {
                stop(&mut running.child);
            }
            !stops
        });
    }
}

fn stop(child: &mut Child) {
    if let Ok(None) = child.try_wait() {
        let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    }
    let since = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && since.elapsed() < STOP {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns the most memory that a process has had, in KiB; 0 if the system does not tell.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.unwrap_or(0)
}

fn log_file(folder: &Path, daemon: Daemon) -> PathBuf {
    folder.join(format!("{}.log", daemon.name()))
}

impl Drop for ChildProcesses {
    fn drop(&mut self) {
        self.stop();
    }
}
