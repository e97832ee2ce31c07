//! Questions about the values of a sub_type: their arguments, and how the answers are shown.

use cybexp_term::{self as term, BOLD, DIM, YELLOW};
use serde_json::{Map, Value, json};
use tahoe_core::question::field::{
    AFTER, ALL, CATEGORY, CONTEXT, EVENT, FROM, Field, LAST, LIMIT, LIMITS, SUB_TYPE, TEXT, TO,
    TZNAME,
};

use super::super::named::SuggestedNames;
use super::arguments::{about, choice, chosen, sub_types, time, within};
use super::show::when;

/// The most characters of a value in a table of 80 columns.
const WIDTH: usize = 48;

/// The sub_type of the values, and how many.
#[derive(clap::Args)]
pub(crate) struct TypeArgs {
    #[arg(
        help = SUB_TYPE.about,
        value_parser = SuggestedNames(sub_types),
        hide_possible_values = true
    )]
    sub_type: String,
    #[arg(long, default_value_t = LIMITS.default, value_parser = within(LIMITS), help = about(&LIMIT))]
    limit: u32,
}

/// A time range.
#[derive(clap::Args)]
pub(crate) struct RangeArgs {
    #[arg(long, value_name = "TIME", conflicts_with = LAST.name, help = about(&FROM))]
    from: Option<String>,
    #[arg(long, value_name = "TIME", conflicts_with = LAST.name, help = about(&TO))]
    to: Option<String>,
    #[arg(long, value_name = "LENGTH", help = about(&LAST))]
    last: Option<String>,
    #[arg(id = TZNAME.name, long = "tz", value_name = "ZONE", help = about(&TZNAME))]
    tz: Option<String>,
}

/// The arguments of a top query.
#[derive(clap::Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    of: TypeArgs,
    #[command(flatten)]
    range: RangeArgs,
    #[arg(long, default_value = ALL, value_parser = choice(&CATEGORY), help = about(&CATEGORY))]
    category: String,
    #[arg(long, default_value = ALL, value_parser = choice(&CONTEXT), help = about(&CONTEXT))]
    context: String,
    #[arg(long, value_name = "SUB_TYPE", help = about(&EVENT))]
    event: Option<String>,
}

/// The arguments of a search.
#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    of: TypeArgs,
    #[arg(help = about(&TEXT))]
    text: Option<String>,
    #[arg(long, value_name = "PLACE", help = about(&AFTER))]
    after: Option<String>,
}

/// The arguments of a query of type `new`.
#[derive(clap::Args)]
pub(crate) struct NewArgs {
    #[command(flatten)]
    of: TypeArgs,
    #[command(flatten)]
    range: RangeArgs,
    #[arg(long, value_name = "PLACE", help = about(&AFTER))]
    after: Option<String>,
}

type Fields = Map<String, Value>;

fn fields<const N: usize>(given: [(Field, Option<Value>); N]) -> Fields {
    let given = given.into_iter();
    given
        .filter_map(|(field, value)| Some((field.name.to_owned(), value?)))
        .collect()
}

fn text(given: &Option<String>) -> Option<Value> {
    given.as_deref().map(Value::from)
}

impl TypeArgs {
    fn fields(&self) -> Fields {
        fields([
            (SUB_TYPE, Some(json!(self.sub_type))),
            (LIMIT, Some(json!(self.limit))),
        ])
    }
}

impl RangeArgs {
    fn fields(&self) -> Fields {
        fields([
            (FROM, self.from.as_deref().map(time)),
            (TO, self.to.as_deref().map(time)),
            (LAST, text(&self.last)),
            (TZNAME, text(&self.tz)),
        ])
    }
}

impl TopArgs {
    pub(super) fn fields(&self) -> Fields {
        let mut all = self.of.fields();
        all.extend(self.range.fields());
        all.extend(fields([
            (CATEGORY, chosen(&self.category)),
            (CONTEXT, chosen(&self.context)),
            (EVENT, text(&self.event)),
        ]));
        all
    }
}

impl SearchArgs {
    pub(super) fn fields(&self) -> Fields {
        let mut all = self.of.fields();
        all.extend(fields([
            (TEXT, text(&self.text)),
            (AFTER, text(&self.after)),
        ]));
        all
    }
}

impl NewArgs {
    pub(super) fn fields(&self) -> Fields {
        let mut all = self.of.fields();
        all.extend(self.range.fields());
        all.extend(fields([(AFTER, text(&self.after))]));
        all
    }
}

/// Prints the most frequent values.
pub(super) fn top(report: &Value) {
    let (distinct, sum) = (&report["distinct"], &report["sum"]);
    anstream::println!("{BOLD}{distinct} values{BOLD:#} {DIM}in {sum} places of events{DIM:#}");
    let mut table = term::table(&["events", "sub_type", "value"]);
    for row in rows(report) {
        table.add_row([
            row["count"].to_string(),
            term::value(&row["sub_type"]),
            shown(row),
        ]);
    }
    term::align_right(&mut table, 0);
    anstream::println!("{table}");
    if let Some(events) = report["left_out"].as_u64() {
        anstream::println!(
            "{YELLOW}so many different values were seen that up to {events} events of the rarest are left out: ask for a \
             shorter time{YELLOW:#}"
        );
    } else if report["exact"] == false {
        anstream::println!(
            "{YELLOW}more events changed lately than one answer counts: the true numbers are higher; ask again in some \
             minutes, or for a shorter time{YELLOW:#}"
        );
    }
    cut(report);
}

/// Prints values with the times of their first events.
pub(super) fn first_seen(report: &Value) {
    let mut table = term::table(&["first seen", "sub_type", "value"]);
    for row in rows(report) {
        table.add_row([
            when(&row["first_seen"]),
            term::value(&row["sub_type"]),
            shown(row),
        ]);
    }
    anstream::println!("{table}");
    if report["incomplete"] == true {
        anstream::println!(
            "{YELLOW}the list of values is being made by cybexp-analytics: there may be more{YELLOW:#}"
        );
    }
    cut(report);
    if let Some(after) = report["after"].as_str() {
        // whole, for it is to be given back
        let after: String = after.chars().filter(char::is_ascii_graphic).collect();
        anstream::println!("{DIM}--after {after} shows more{DIM:#}");
    }
}

fn rows(report: &Value) -> impl Iterator<Item = &Value> {
    report["data"].as_array().into_iter().flatten()
}

/// Returns the value of a row, with the allow lists that hold it.
fn shown(row: &Value) -> String {
    let value = term::value(&row["data"]);
    let mut text: String = value.chars().take(WIDTH).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    let lists = row["known_good"].as_array().into_iter().flatten();
    for list in lists {
        text.push_str(&format!("\nknown good by {}", term::value(list)));
    }
    text
}

fn cut(report: &Value) {
    if report["cut"] == true {
        anstream::println!("{YELLOW}values that are too long are left out{YELLOW:#}");
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};
    use tahoe_core::question::QueryType;
    use tahoe_core::question::field::FIELDS;

    use super::*;

    #[test]
    fn each_field_of_a_question_has_an_argument() {
        for (qtype, command) in [
            (QueryType::Top, TopArgs::augment_args(Command::new("top"))),
            (
                QueryType::Search,
                SearchArgs::augment_args(Command::new("search")),
            ),
            (QueryType::New, NewArgs::augment_args(Command::new("new"))),
        ] {
            let of_type = FIELDS.iter().filter(|it| it.query_types.contains(&qtype));
            for field in of_type {
                let mut arguments = command.get_arguments();
                let found = arguments.any(|arg| arg.get_id() == field.name);
                assert!(found, "{qtype} {}", field.name);
            }
        }
    }
}
