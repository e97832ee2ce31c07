//! Daemons as processes, as they run in the field.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Site;

/// A running daemon; killed when dropped.
pub struct Daemon(Child);

impl Daemon {
    /// Starts `program`, which is a daemon or `cybexp`, with these arguments and the site's configuration. Its
    /// log goes where the test's own output goes.
    pub fn start<A: AsRef<OsStr>>(program: &str, args: &[A], site: &Site) -> Self {
        let child = Command::new(program)
            .args(args)
            .arg("--config")
            .arg(&site.config)
            .env("RUST_LOG", "warn")
            // `cybexp daemon` ends with its standard input
            .stdin(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        Self(child)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid().cast_signed()), signal);
    }

    /// Asks it to stop and waits for its end.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.0.wait().expect("a child can be waited for")
    }

    /// Waits for its end; for those that end by themselves.
    pub fn wait(mut self) -> ExitStatus {
        self.0.wait().expect("a child can be waited for")
    }

    /// Kills it as the kernel would, at once.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.0.wait();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the condition holds, for as long as a slow machine may need.
///
/// # Panics
/// If it still does not hold after two minutes.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < Duration::from_secs(120), "{what}: not within two minutes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
