//! Prints the demo's steps and results.

use std::time::Duration;

use cybexp_input::status::InputStatus;
use cybexp_store::{Refused, Tally};
use serde_json::Value;

use crate::tree::Tree;
use crate::up::show::places;
use crate::up::suite::Suite;
use cybexp_term::{self as term, BOLD, CYAN, DIM, GREEN, short};

pub(super) fn line(text: &str) {
    anstream::println!("  {DIM}{text}{DIM:#}");
}

pub(super) fn done(what: &str, took: Duration) {
    anstream::println!(
        "{GREEN}✓{GREEN:#} {what} {DIM}({:.1} s){DIM:#}",
        took.as_secs_f64()
    );
}

pub(super) fn title(text: &str) {
    anstream::println!("\n{BOLD}{text}{BOLD:#}");
}

pub(super) fn inputs(inputs: &[InputStatus]) {
    anstream::println!("{}", cybexp_input::cli::show::table(inputs));
}

pub(super) fn tally(tally: &[Tally]) {
    let mut table = term::table(&["itype", "sub_type", "count"]);
    for Tally {
        itype,
        sub_type,
        count,
    } in tally
    {
        table.add_row([itype.clone(), sub_type.clone(), count.to_string()]);
    }
    term::align_right(&mut table, 2);
    anstream::println!("{table}");
}

pub(super) fn refused(refused: &[Refused]) {
    let mut table = term::table(&["typetag", "by", "reason", "id"]);
    for Refused {
        typetag,
        by,
        reason,
        id,
        ..
    } in refused
    {
        table.add_row([typetag, by, &short(reason), id]);
    }
    anstream::println!("{table}");
}

pub(super) fn count(value: &str, answer: &Value, took: Duration) {
    let took = took.as_millis();
    anstream::println!(
        "{BOLD}{}{BOLD:#} events hold {CYAN}{}{CYAN:#} {DIM}({took} ms){DIM:#}",
        answer,
        short(value)
    );
}

pub(super) fn tree(subject: &str, graph: &Value, took: Duration) {
    let tree = Tree::new(graph);
    let (values, took) = (tree.values(), took.as_millis());
    anstream::println!(
        "{CYAN}{}{CYAN:#} {DIM}({values} values, {took} ms){DIM:#}",
        short(subject)
    );
    for line in tree.lines() {
        anstream::println!("{line}");
    }
}

pub(super) fn where_to_go_on() {
    title("Where to go on");
    anstream::println!("  cybexp up              the suite for good, on this machine");
    anstream::println!(
        "  cybexp --help          posting data, asking questions, users, organisations"
    );
    anstream::println!("  docs/ARCHITECTURE.md   how data walks through it, and what always holds");
    anstream::println!("  docs/OPERATIONS.md     running it with systemd or docker compose");
    anstream::println!("  demo/                  the sample data that you have just seen");
}

pub(super) fn stay(suite: &Suite) {
    title("The suite stays up until Ctrl-C");
    places(suite);
    if let Some(made) = &suite.accounts {
        anstream::println!("{:<12}  {}", "sign in as", made.admin.email());
        anstream::println!("{:<12}  {}", "password", made.password);
        anstream::println!("{:<12}  {}", "token", made.token);
    }
}
