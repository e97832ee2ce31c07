//! Prints the figures as tables.

use cybexp_term::{self as term, BOLD};
use serde_json::Value;

pub(super) fn tables(figures: &Value) {
    anstream::println!("{BOLD}{} records{BOLD:#}", figures["records"]);
    let header = [
        "workers",
        "API alone /s",
        "archive alone /s",
        "analytics alone /s",
        "to the 201 /s",
        "all together /s",
        "API MB",
        "archive MB",
        "analytics MB",
    ];
    let mut table = term::table(&header);
    for row in list(&figures["workers"]) {
        let (alone, together) = (&row["alone"], &row["together"]);
        let memory = |daemon: &str| together["peak_mb"][daemon].to_string();
        table.add_row([
            row["workers"].to_string(),
            number(&alone[0]["per_s"]),
            number(&alone[1]["per_s"]),
            number(&alone[2]["per_s"]),
            number(&together["posted_per_s"]),
            number(&together["per_s"]),
            memory("api"),
            memory("archive"),
            memory("analytics"),
        ]);
    }
    (0..header.len()).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");

    let beside = &figures["beside"];
    let mut table = term::table(&["single records /s", "posted /s", "p50 ms", "p99 ms"]);
    for row in list(&beside["latency"]) {
        table.add_row([
            row["rate"].to_string(),
            number(&row["posted_per_s"]),
            number(&row["p50_ms"]),
            number(&row["p99_ms"]),
        ]);
    }
    (0..4).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");
    let (bare, disk) = (&beside["bare"], &beside["disk_bytes"]);
    anstream::println!(
        "the same {} documents written bare: {} records/s; the filters alone, on one core: {} records/s",
        bare["documents"],
        number(&bare["per_s"]),
        number(&beside["filters"]["per_s"]),
    );
    anstream::println!(
        "bytes of a record: {} posted, {} on disk in the cache, {} in the archive with its indexes",
        number(&disk["posted"]),
        number(&disk["cache"]),
        number(&disk["archive"]),
    );
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> String {
    format!("{:.0}", value.as_f64().unwrap_or_default())
}
