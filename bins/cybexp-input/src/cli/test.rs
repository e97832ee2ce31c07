//! `cybexp-input test`: what a source delivers, without keeping or posting it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use cybexp_service::{Config, EXIT_FAILED};
use cybexp_term as term;

use super::known::known;
use super::out::{tell, written};
use crate::plugin::{self, InputConfig};
use crate::select::Select;
use crate::sink::{RecordSink, Stopped};
use crate::status::SharedStatus;
use crate::typetag;
use cybexp_spool::Record;

#[derive(Args)]
pub(super) struct TestArgs {
    /// The input
    name: String,
    /// Stop after so many records
    #[arg(long, default_value_t = 10, value_name = "RECORDS")]
    limit: usize,
    /// Stop after so many seconds; if nothing has come by then, that is a failure
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
}

pub(super) async fn run(config: &Config, args: TestArgs) -> anyhow::Result<ExitCode> {
    let TestArgs { name, limit, wait } = args;
    let select = Select {
        names: vec![name.clone()],
        plugins: Vec::new(),
    };
    known(&select, config)?;
    let input = config.input.inputs.iter().find(|input| input.name == name);
    let input = input.context("it was there a moment ago")?;
    let given = InputConfig { input, config };
    let mut source = plugin::find_for(&given)?.open(&given)?;

    let status = Arc::new(SharedStatus::new(&name, &input.plugin, true));
    let (sink, mut records) = RecordSink::shown(&name, Arc::clone(&status), limit);
    let fetching = async move {
        let outcome = tokio::select! {
            outcome = source.fetch(&sink) => outcome.map(|_| false),
            () = tokio::time::sleep(Duration::from_secs(wait)) => return Ok(Ok(true)),
        };
        anyhow::Ok(match outcome {
            Err(error) if error.is::<Stopped>() => Ok(false),
            outcome => outcome,
        })
    };
    let showing = async {
        let mut shown = 0;
        while let Some(record) = records.recv().await {
            written(show(&record))?;
            shown += 1;
        }
        anyhow::Ok(shown)
    };
    // nothing is fetched for a reader who has hung up
    let (fetched, shown) = tokio::try_join!(fetching, showing)?;
    let problem = status.get().last_error;
    tell(format!(
        "{shown} records (at most {limit}) that would be posted as {} of {}",
        input.typetag,
        term::line(&input.orgid)
    ));
    for problem in problem.iter().chain(&typetag::unread(input)) {
        tell(term::line(problem));
    }
    let mut fine = problem.is_none();
    if fetched? {
        match shown {
            0 => {
                fine = false;
                tell(format!("nothing came within {wait} s; see --wait"));
            }
            _ => tell(format!("after {wait} s there may be more; see --wait")),
        }
    }
    Ok(ExitCode::from(if fine { 0 } else { EXIT_FAILED }))
}

/// Prints a record: unchanged for a program, and made harmless on a terminal.
fn show(record: &Record) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        writeln!(
            out,
            "{}",
            term::line(&String::from_utf8_lossy(&record.data))
        )
    } else {
        out.write_all(&record.data)?;
        out.write_all(b"\n")
    }
}
