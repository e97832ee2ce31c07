//! Prints the figures as tables.

use cybexp_term::{self as term, BOLD};
use serde_json::Value;

pub(super) fn tables(figures: &Value) {
    let cases = figures["cases"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    anstream::println!("{BOLD}{} events{BOLD:#}", figures["events"]);
    let header = [
        "question",
        "at once",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "per s",
        "bare p50",
        "bare p99",
        "bare per s",
        "ratio",
    ];
    let mut table = term::table(&header);
    for case in cases {
        for (n, row) in case["figures"].as_array().into_iter().flatten().enumerate() {
            let name = if n == 0 {
                term::value(&case["name"])
            } else {
                String::new()
            };
            let (ours, bare) = (&row["report"], &row["bare"]);
            table.add_row([
                name,
                row["at_once"].to_string(),
                number(&ours["p50_ms"]),
                number(&ours["p95_ms"]),
                number(&ours["p99_ms"]),
                number(&ours["per_s"]),
                number(&bare["p50_ms"]),
                number(&bare["p99_ms"]),
                number(&bare["per_s"]),
                number(&row["ratio"]),
            ]);
        }
    }
    (1..header.len()).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");

    let mut table = term::table(&[
        "question",
        "first ms",
        "keys read",
        "documents read",
        "answer",
    ]);
    for case in cases {
        table.add_row([
            term::value(&case["name"]),
            number(&case["first_ms"]),
            case["keys"].to_string(),
            case["documents"].to_string(),
            case["answer"].to_string(),
        ]);
    }
    (1..4).for_each(|column| term::align_right(&mut table, column));
    anstream::println!("{table}");
    let (mixed, memory) = (&figures["mixed"], &figures["memory"]);
    anstream::println!(
        "all of them, 64 at once: p50 {} ms, p99 {} ms, {} per second; resident {} MB before, {} MB at most",
        number(&mixed["p50_ms"]),
        number(&mixed["p99_ms"]),
        number(&mixed["per_s"]),
        memory["resident_before_mb"],
        memory["resident_most_mb"],
    );
}

fn number(value: &Value) -> String {
    let number = value.as_f64().unwrap_or_default();
    if number >= 100.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.2}")
    }
}
