//! What the demo prints.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use cybexp_store::{Refused, Tally};
use serde_json::Value;

use super::world::World;

const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();

/// Values of one leaf of the tree that are shown.
const SHOWN: usize = 4;
/// Characters of a value that are shown.
const WIDTH: usize = 64;

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

pub(super) fn tally(tally: &[Tally]) {
    let mut table = table(&["itype", "sub_type", "count"]);
    for Tally {
        itype,
        sub_type,
        count,
    } in tally
    {
        table.add_row([itype.clone(), sub_type.clone(), count.to_string()]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    anstream::println!("{table}");
}

pub(super) fn refused(refused: &[Refused]) {
    let mut table = table(&["typetag", "by", "reason", "id"]);
    for Refused {
        typetag,
        by,
        reason,
        id,
    } in refused
    {
        table.add_row([typetag, by, &short(reason), id]);
    }
    anstream::println!("{table}");
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    table
}

pub(super) fn question(qtype: &str, question: &Value) {
    line(&format!("{qtype} {question}"));
}

pub(super) fn count(value: &str, answer: &Value, took: Duration) {
    let took = took.as_millis();
    anstream::println!(
        "{BOLD}{}{BOLD:#} events hold {CYAN}{}{CYAN:#} {DIM}({took} ms){DIM:#}",
        answer["count"],
        short(value)
    );
}

/// The paths of a summary graph as a tree with the subject as its root.
pub(super) fn tree(subject: &str, graph: &Value, took: Duration) {
    let mut root = Branch::default();
    let mut values = 0;
    for rows in graph.as_object().into_iter().flat_map(|map| map.values()) {
        for row in rows.as_array().into_iter().flatten() {
            let labels = row[1]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let labels: Vec<&str> = labels.collect();
            if let [leaf, between @ .., _subject] = &labels[..] {
                root.insert(between, leaf, &row[0]);
                values += 1;
            }
        }
    }
    let took = took.as_millis();
    anstream::println!(
        "{CYAN}{}{CYAN:#} {DIM}({values} values, {took} ms){DIM:#}",
        short(subject)
    );
    root.print("");
}

#[derive(Default)]
struct Branch {
    branches: BTreeMap<String, Branch>,
    leaves: BTreeMap<String, Vec<String>>,
}

impl Branch {
    /// Labels are given from the leaf towards the root.
    fn insert(&mut self, between: &[&str], leaf: &str, value: &Value) {
        match between {
            [rest @ .., nearest] => {
                let branch = self.branches.entry((*nearest).to_owned()).or_default();
                branch.insert(rest, leaf, value);
            }
            [] => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                self.leaves.entry(leaf.to_owned()).or_default().push(text);
            }
        }
    }

    fn print(&self, indent: &str) {
        let mut left = self.leaves.len() + self.branches.len();
        let mut stem = || {
            left -= 1;
            if left == 0 {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            }
        };
        for (label, values) in &self.leaves {
            let (stem, _) = stem();
            let name = label.split('=').next().unwrap_or_default();
            let shown: Vec<String> = values
                .iter()
                .take(SHOWN)
                .map(|value| short(value))
                .collect();
            let more = match values.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" {DIM}and {more} more{DIM:#}"),
            };
            let shown = shown.join(&format!("{DIM}, {DIM:#}"));
            anstream::println!("{indent}{stem} {name} {CYAN}{shown}{CYAN:#}{more}");
        }
        for (label, branch) in &self.branches {
            let (stem, below) = stem();
            let (sub_type, itype) = label.split_once('=').unwrap_or((label, ""));
            anstream::println!("{indent}{stem} {BOLD}{sub_type}{BOLD:#} {DIM}{itype}{DIM:#}");
            branch.print(&format!("{indent}{below} "));
        }
    }
}

/// A value from an attacker, made fit for a terminal: control characters escaped, cut to one line.
fn short(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(WIDTH)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(WIDTH).is_some() {
        shown.push('…');
    }
    shown.replace("\\'", "'").replace("\\\"", "\"")
}

pub(super) fn where_to_go_on() {
    title("Where to go on");
    anstream::println!("  README.md              what the suite is, and its two commands");
    anstream::println!("  docs/ARCHITECTURE.md   how data walks through it, and what always holds");
    anstream::println!("  config/config.json     the configuration that the daemons read");
    anstream::println!("  demo/                  the sample data that you have just seen");
}

pub(super) fn stay(world: &World) {
    title("The suite stays up until Ctrl-C");
    anstream::println!("  MongoDB   {}", world.url);
    anstream::println!("  logs      {}", world.logs.display());
}
