//! `cybexp migrate`: takes over an archive that the Python system or an earlier release wrote.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use cybexp_filters::readers;
use cybexp_service::Config;
use cybexp_store::{Migration, MigrationFinding, MigrationReport, MigrationStanding};
use cybexp_term::{self as term, DIM, GREEN, YELLOW};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::agree::agreed;
use super::databases;

#[derive(clap::Args)]
pub(crate) struct MigrateArgs {
    /// Do not ask whether the daemons are stopped
    #[arg(long)]
    yes: bool,
    /// Delete the collection of the old form, once everything is taken over
    #[arg(long)]
    drop: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &MigrateArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let db = config.tahoe_db()?;
    let server = databases::server(&db, "tahoe.mongo_url").await?;
    let mut migration = Migration::open(&server, &db.db, &db.coll).await?;
    let name = format!("{}.{}", db.db, db.coll);
    let documents = match migration.standing().await? {
        MigrationStanding::Nothing => {
            anstream::eprintln!(
                "{GREEN}✓{GREEN:#} {name} has the form of this release: nothing is to be done"
            );
            return Ok(ExitCode::SUCCESS);
        }
        MigrationStanding::Done(report, before) => {
            anstream::eprintln!("{GREEN}✓{GREEN:#} {name} was taken over before");
            return finish(args, &migration, &report, before).await;
        }
        MigrationStanding::Old(documents) => format!("about {documents} documents"),
        MigrationStanding::Begun(progress) => {
            anstream::eprintln!(
                "an earlier run took over {} of about {} documents: going on",
                progress.read,
                progress.total
            );
            format!(
                "{} more documents",
                progress.total.saturating_sub(progress.read)
            )
        }
    };
    let daemons = migration.daemons().await;
    if !daemons.is_empty() && !args.yes {
        bail!(
            "{} of some archive of this server at work: stop those that use {name}, then give --yes if others are left",
            daemons.join(", ")
        );
    }
    let question = format!(
        "Take over {documents} of {name}? No other program may use this collection meanwhile: archive, analytics and \
         report of any version must be stopped."
    );
    agreed(&question, args.yes)?;
    let report = take_over(&mut migration).await?;
    finish(args, &migration, &report, true).await
}

/// Runs the migration with a progress bar.
async fn take_over(migration: &mut Migration) -> anyhow::Result<MigrationReport> {
    let bar = ProgressBar::no_length();
    let style = "{bar:30} {human_pos} of {human_len} documents, {per_sec}, {eta} left: {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let begun = Instant::now();
    let mut first = None;
    let report = migration
        .run(readers, |progress| {
            let first = *first.get_or_insert(progress.read);
            if bar.length().is_none() {
                bar.reset_eta();
                bar.set_position(first);
            }
            bar.set_length(progress.total.max(progress.read));
            bar.set_position(progress.read);
            bar.set_message(progress.doing);
        })
        .await?;
    bar.finish_and_clear();
    let took = begun.elapsed().as_secs_f64();
    let documents = report.read() - first.unwrap_or_default();
    anstream::eprintln!(
        "{GREEN}✓{GREEN:#} {documents} documents in {took:.1} s, {:.0} a second",
        documents as f64 / took.max(0.001)
    );
    Ok(report)
}

/// Prints the report, and deletes the old collection if that is wanted.
async fn finish(
    args: &MigrateArgs,
    migration: &Migration,
    report: &MigrationReport,
    before: bool,
) -> anyhow::Result<ExitCode> {
    match args.json {
        true => anstream::println!(
            "{}",
            term::json(&json_of(report, migration, before && !args.drop))
        ),
        false => print(report),
    }
    if before && args.drop {
        migration.drop_before().await?;
        anstream::eprintln!("{GREEN}✓{GREEN:#} {} is deleted", migration.before());
    } else if before {
        anstream::eprintln!(
            "{DIM}The old form is still in {}; `cybexp migrate --drop` deletes it{DIM:#}",
            migration.before()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &MigrationReport) {
    let mut table = term::table(&[
        "kind",
        "read",
        "taken over",
        "duplicates",
        "broken",
        "dangling",
    ]);
    for (kind, count) in &report.kinds {
        let counts = [
            count.read,
            count.taken,
            count.duplicates,
            count.broken,
            count.dangling,
        ];
        let counts = counts.iter().map(u64::to_string);
        table.add_row([kind.clone()].into_iter().chain(counts));
    }
    (1..=5).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");
    anstream::println!(
        "{} raws wait for their filters; {} attributes and objects were made again",
        report.waiting,
        report.restored
    );
    list("not taken over", &report.broken);
    list("with references to what does not exist", &report.dangling);
}

fn list(what: &str, findings: &[MigrationFinding]) {
    if findings.is_empty() {
        return;
    }
    anstream::println!("{YELLOW}!{YELLOW:#} {what}, the first ones:");
    for finding in findings {
        let MigrationFinding { id, itype, reason } = finding;
        let told = term::line(&format!("{itype} {id}: {reason}"));
        anstream::println!("  {}", term::wrapped(&told, 2, 4));
    }
}

fn json_of(report: &MigrationReport, migration: &Migration, before: bool) -> Value {
    let findings = |findings: &[MigrationFinding]| {
        let rows = findings.iter();
        let rows = rows.map(|row| json!({"_id": row.id, "itype": row.itype, "reason": row.reason}));
        rows.collect::<Vec<_>>()
    };
    let kinds = report.kinds.iter().map(|(kind, count)| {
        let counts = json!({
            "read": count.read, "taken": count.taken, "duplicates": count.duplicates,
            "broken": count.broken, "dangling": count.dangling,
        });
        (kind.clone(), counts)
    });
    json!({
        "kinds": kinds.collect::<serde_json::Map<_, _>>(),
        "restored": report.restored,
        "waiting": report.waiting,
        "broken": findings(&report.broken),
        "dangling": findings(&report.dangling),
        "before": before.then(|| migration.before()),
    })
}
