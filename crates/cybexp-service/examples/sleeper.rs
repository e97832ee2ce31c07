//! The smallest daemon: one piece of work, which is to sleep, and then nothing more to do.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cybexp_service::{
    DaemonArgs, DaemonContext, Step, WakeSignal, WorkOptions, Worker, run_daemon, work_loop,
};

/// Sleeps once, then waits
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    args: DaemonArgs,
    /// The length of the one piece of work
    #[arg(long, default_value_t = 0)]
    work_s: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    run_daemon("archive", cli.args, async move |ctx: DaemonContext| {
        let sleeper = Sleeper {
            left: Some(Duration::from_secs(cli.work_s)),
        };
        work_loop(
            &ctx,
            sleeper,
            WakeSignal::new(),
            WorkOptions::new("sleeper"),
        )
        .await
    })
}

struct Sleeper {
    left: Option<Duration>,
}

impl Worker for Sleeper {
    async fn step(&mut self) -> anyhow::Result<Step> {
        let Some(work) = self.left.take() else {
            return Ok(Step::Idle);
        };
        tracing::info!("work begins");
        tokio::time::sleep(work).await;
        tracing::info!("work done");
        Ok(Step::Worked(1))
    }
}
