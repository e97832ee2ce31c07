//! The arguments of `cybexp query` that become fields of a question. Texts, bounds and choices are those of the table of
//! fields in `tahoe-core`.

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, RangedI64ValueParser};
use cybexp_filters::vocabulary;
use serde_json::{Map, Value, json};
use tahoe_core::question::field::{
    ALL, BY, Bounds, CATEGORY, CONTEXT, DATA, DERIVED, FROM, Field, FieldKind, HASH, LAST, LEVEL,
    LEVELS, PAGE, PAGES, RETURN_TYPE, SUB_TYPE, SUMMARY, SUMMARY_GRAPH, TO, TZNAME,
};
use tahoe_core::{Attribute, Hash, Scalar, SubType};

use super::super::named::SuggestedNames;
use super::super::usage::Usage;

/// The subject of a question, and the conditions that select events.
#[derive(clap::Args)]
pub(crate) struct SubjectArgs {
    #[arg(
        help = format!("{} `_hash`: VALUE is the hash of an instance", SUB_TYPE.about),
        value_parser = SuggestedNames(sub_types),
        hide_possible_values = true
    )]
    pub(super) sub_type: String,
    #[arg(id = DATA.name, value_name = "VALUE", help = about(&DATA), allow_negative_numbers = true)]
    pub(super) value: String,
    /// Take the value as it is written, and as this: 1, 1.0 and "1" are three different attributes [default: all that it
    /// may be are looked for]
    #[arg(id = HASH.name, long = "type", value_name = "KIND", value_enum)]
    kind: Option<ScalarKind>,
    #[arg(long, value_name = "TIME", conflicts_with = LAST.name, help = about(&FROM))]
    from: Option<String>,
    #[arg(long, value_name = "TIME", conflicts_with = LAST.name, help = about(&TO))]
    to: Option<String>,
    #[arg(long, value_name = "LENGTH", help = about(&LAST))]
    last: Option<String>,
    #[arg(id = TZNAME.name, long = "tz", value_name = "ZONE", help = about(&TZNAME))]
    tz: Option<String>,
    #[arg(long, default_value = ALL, value_parser = choice(&CATEGORY), help = about(&CATEGORY))]
    category: String,
    #[arg(long, default_value = ALL, value_parser = choice(&CONTEXT), help = about(&CONTEXT))]
    context: String,
    #[arg(id = DERIVED.name, long = "derived", help = about(&DERIVED))]
    derived: bool,
}

/// The kind of a scalar.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ScalarKind {
    Str,
    Int,
    Float,
    Bool,
}

/// The extent and form of a related report.
#[derive(clap::Args)]
pub(crate) struct ScopeArgs {
    #[arg(long, default_value_t = LEVELS.default, value_parser = within(LEVELS), help = about(&LEVEL))]
    level: u32,
    #[arg(long, default_value_t = PAGES.default, value_parser = within(PAGES), help = about(&PAGE))]
    page: u32,
    #[arg(
        long,
        value_name = "KIND",
        default_value = ALL,
        value_parser = choice(&RETURN_TYPE),
        help = about(&RETURN_TYPE)
    )]
    return_type: String,
    /// Return whole documents, instead of values by sub_type
    #[arg(id = SUMMARY.name, long = "documents", conflicts_with = SUMMARY_GRAPH.name)]
    pub(super) documents: bool,
    /// Return, with each value, the path from it to the attribute, as a tree
    #[arg(id = SUMMARY_GRAPH.name, long = "graph")]
    pub(super) graph: bool,
}

/// The length of a timeline's buckets.
#[derive(clap::Args)]
pub(crate) struct BucketArgs {
    #[arg(id = BY.name, long = "by", value_name = "LENGTH", value_parser = choice(&BY), help = about(&BY))]
    by: Option<String>,
}

/// An instance: its hash alone, or a value with its sub_type.
#[derive(clap::Args)]
pub(crate) struct InstanceArgs {
    /// The hash of an instance, or the sub_type of VALUE
    #[arg(
        value_name = "HASH|SUB_TYPE",
        value_parser = SuggestedNames(sub_types),
        hide_possible_values = true
    )]
    first: String,
    #[arg(id = DATA.name, value_name = "VALUE", help = about(&DATA), allow_negative_numbers = true)]
    value: Option<String>,
}

/// The page of a session.
#[derive(clap::Args)]
pub(crate) struct PageArgs {
    #[arg(long, default_value_t = PAGES.default, value_parser = within(PAGES), help = about(&PAGE))]
    page: u32,
}

/// Returns a field's description as the help of an argument: without the last full stop.
pub(super) fn about(field: &Field) -> String {
    let text = field.about.trim_end_matches('.');
    match field.kind {
        FieldKind::Integer(Bounds { least, most, .. }) if most < u32::MAX => {
            format!("{text} [range: {least} to {most}]")
        }
        _ => text.to_owned(),
    }
}

/// Makes a parser of an integer within bounds.
pub(super) fn within(bounds: Bounds) -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(bounds.least)..=i64::from(bounds.most))
}

/// Makes a parser of a field's names.
pub(super) fn choice(field: &Field) -> PossibleValuesParser {
    let names = match field.kind {
        FieldKind::Choice(names) => [names, &[ALL]].concat(),
        FieldKind::Name(names) => names.to_vec(),
        _ => vec![],
    };
    PossibleValuesParser::new(names)
}

/// Returns the names that completions offer for SUB_TYPE.
pub(super) fn sub_types() -> Vec<&'static str> {
    let names = vocabulary::ATTRIBUTES.iter().copied();
    names.chain(["ip", "_hash"]).collect()
}

impl SubjectArgs {
    pub(super) fn fields(&self) -> anyhow::Result<Map<String, Value>> {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        match self.kind {
            _ if self.sub_type == HASH.name => add(HASH.name, Some(json!(self.value))),
            Some(kind) => add(
                HASH.name,
                Some(json!(kind.hash(&self.sub_type, &self.value)?)),
            ),
            None => {
                add(SUB_TYPE.name, Some(json!(self.sub_type)));
                add(DATA.name, Some(json!(self.value)));
            }
        }
        add(FROM.name, self.from.as_deref().map(time));
        add(TO.name, self.to.as_deref().map(time));
        add(LAST.name, self.last.as_deref().map(Value::from));
        add(TZNAME.name, self.tz.as_deref().map(Value::from));
        add(CATEGORY.name, chosen(&self.category));
        add(CONTEXT.name, chosen(&self.context));
        add(DERIVED.name, self.derived.then(|| json!(true)));
        Ok(fields)
    }
}

impl BucketArgs {
    pub(super) fn fields(&self) -> Map<String, Value> {
        let given = self.by.iter();
        given.map(|by| (BY.name.to_owned(), json!(by))).collect()
    }
}

impl PageArgs {
    pub(super) fn fields(&self) -> Map<String, Value> {
        Map::from_iter([(PAGE.name.to_owned(), json!(self.page))])
    }
}

impl InstanceArgs {
    /// Returns the fields that name the instance.
    ///
    /// # Errors
    /// If HASH is no hash.
    pub(super) fn fields(&self) -> anyhow::Result<Map<String, Value>> {
        let hash = match &self.value {
            None => &self.first,
            Some(hash) if self.first == HASH.name => hash,
            Some(value) => {
                return Ok(Map::from_iter([
                    (SUB_TYPE.name.to_owned(), json!(self.first)),
                    (DATA.name.to_owned(), json!(value)),
                ]));
            }
        };
        let hash: Hash = hash.trim().to_ascii_lowercase().parse().map_err(|error| {
            Usage(format!(
                "{error}: give the HASH of an instance, or SUB_TYPE and VALUE"
            ))
        })?;
        Ok(Map::from_iter([(HASH.name.to_owned(), json!(hash))]))
    }

    /// Returns the instance as it was given.
    pub(super) fn given(&self) -> String {
        match &self.value {
            Some(value) => format!("{} {value}", self.first),
            None => self.first.clone(),
        }
    }
}

impl ScopeArgs {
    pub(super) fn fields(&self) -> Map<String, Value> {
        let given = [
            (LEVEL, Some(json!(self.level))),
            (PAGE, Some(json!(self.page))),
            (RETURN_TYPE, chosen(&self.return_type)),
            (SUMMARY, self.documents.then(|| json!(false))),
            (SUMMARY_GRAPH, self.graph.then(|| json!(true))),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(field, value)| Some((field.name.to_owned(), value?)))
            .collect()
    }
}

impl ScalarKind {
    /// Returns the hash of exactly this attribute.
    fn hash(self, sub_type: &str, text: &str) -> anyhow::Result<Hash> {
        ensure!(sub_type != "ip", "with --type, SUB_TYPE is ipv4 or ipv6");
        let data = Scalar::try_from(&self.read(text)?)?;
        Ok(Attribute::checked(SubType::new(sub_type)?, data)?.hash())
    }

    fn read(self, text: &str) -> anyhow::Result<Value> {
        Ok(match self {
            Self::Str => Value::from(text),
            Self::Int => text
                .parse::<i64>()
                .map(Value::from)
                .context("VALUE is no int")?,
            Self::Float => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::from(number),
                _ => bail!("VALUE is no float"),
            },
            Self::Bool => text
                .parse::<bool>()
                .map(Value::from)
                .context("VALUE is no bool")?,
        })
    }
}

/// Returns the value of a choice, unless it is the default: a field that says nothing would make another query.
pub(super) fn chosen(name: &str) -> Option<Value> {
    (name != ALL).then(|| json!(name))
}

/// Returns Unix seconds as a number, and any other text as a date.
pub(super) fn time(text: &str) -> Value {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite());
    seconds.map_or_else(|| Value::from(text), Value::from)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};
    use tahoe_core::question::QueryType;
    use tahoe_core::question::field::FIELDS;

    use super::*;

    #[test]
    fn each_field_of_a_query_has_an_argument() {
        let subject = |name: &'static str| SubjectArgs::augment_args(Command::new(name));
        let instance = |name: &'static str| InstanceArgs::augment_args(Command::new(name));
        for (command, qtype) in [
            (
                ScopeArgs::augment_args(subject("related")),
                QueryType::Related,
            ),
            (
                BucketArgs::augment_args(subject("timeline")),
                QueryType::Timeline,
            ),
            (
                PageArgs::augment_args(instance("session")),
                QueryType::Session,
            ),
            (instance("threatrank"), QueryType::ThreatRank),
        ] {
            let fields = FIELDS
                .iter()
                .filter(|field| field.query_types.contains(&qtype));
            for field in fields {
                let mut arguments = command.get_arguments();
                // of an instance, the first argument is the sub_type or the hash
                let first = [SUB_TYPE.name, HASH.name].contains(&field.name);
                assert!(
                    arguments.any(|arg| arg.get_id() == field.name || (first && arg.get_id() == "first")),
                    "{qtype}: {}",
                    field.name
                );
            }
        }
    }
}
