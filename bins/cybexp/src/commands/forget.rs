//! `cybexp forget`: removes a raw, a value or all data of an organisation at once, directly in the databases.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use cybexp_filters::vocabulary;
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, Forget, Forgotten};
use cybexp_term::GREEN;
use tahoe_core::{Attribute, Hash, Scalar, SubType};

use super::agree::agreed;
use super::databases;
use super::people::find_org;

#[derive(Subcommand)]
pub(crate) enum ForgetCommand {
    /// A raw, and all events that were made of it alone
    Raw {
        /// The raw's hash, or the beginning of it: 8 hexadecimal digits or more
        hash: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// A value: all events that refer to it, and the raws that they were made of, with all that was made of these
    Value {
        /// The value's sub_type
        sub_type: String,
        /// The value
        value: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// All submissions, raws and events of an organisation, which itself stays
    Org {
        /// The organisation's name or hash
        org: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub(super) async fn run(action: ForgetCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let place = config.analytics_db()?;
    let server = databases::server(&place, "tahoe.mongo_url").await?;
    let archive = Archive::open(&server, &place.db, &place.coll).await?;
    let forget = Forget::new(&archive);
    match action {
        ForgetCommand::Raw { hash, yes } => {
            let begin = hex::decode(&hash).unwrap_or_default();
            if !(4..=32).contains(&begin.len()) {
                bail!(
                    "a raw is given by its hash, or by an even number of its first digits, 8 or more"
                );
            }
            let raws = forget.raws(&begin).await?;
            if raws.is_empty() {
                bail!("there is no raw whose hash begins with {hash}");
            }
            let question = format!(
                "Forget {} whose hash begins with {hash}, with all events that no other raw makes?",
                number(raws.len() as u64, "raw")
            );
            agreed(&question, yes)?;
            done(forget.forget_raws(&raws).await?);
        }
        ForgetCommand::Value {
            sub_type,
            value,
            yes,
        } => {
            let values = values(&sub_type, &value)?;
            let (raws, events) = forget.raws_of_values(&values).await?;
            if events == 0 {
                bail!("no event refers to {sub_type} {value}");
            }
            let question = format!(
                "{} to {sub_type} {value}, made of {}. Forget these, with all other events that were made of these \
                 raws alone?",
                match events {
                    1 => "1 event refers".to_owned(),
                    _ => format!("{events} events refer"),
                },
                number(raws.len() as u64, "raw")
            );
            agreed(&question, yes)?;
            let mut forgotten = forget.forget_raws(&raws).await?;
            forgotten.events += forget.forget_events_of(&values).await?;
            done(forgotten);
        }
        ForgetCommand::Org { org, yes } => {
            let identity = databases::identity(config).await?;
            let orgid = match org.parse::<Hash>() {
                // its data may be there still when the organisation is not
                Ok(hash) => hash.to_string(),
                Err(_) => find_org(&identity, &org).await?.hash().to_string(),
            };
            let cached = config.cache_db()?;
            let server = databases::server(&cached, "cache.mongo_url").await?;
            let cache = Cache::open(&server, &cached.db, &cached.coll).await?;
            let question = format!(
                "Forget all submissions, raws and events of {org}? Inputs that post for it should be stopped before."
            );
            agreed(&question, yes)?;
            let submissions = cache.forget_org(&orgid).await?;
            anstream::println!("removed {}", number(submissions, "submission"));
            done(forget.forget_org(&orgid).await?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the hashes of all forms that a value may have in the archive.
fn values(sub_type: &str, value: &str) -> anyhow::Result<Vec<Hash>> {
    let kind = SubType::new(sub_type).with_context(|| format!("sub_type {sub_type}"))?;
    let mut forms = vec![Attribute::new(kind.clone(), value)];
    if let Ok(number) = value.parse::<i64>() {
        forms.push(Attribute::new(kind.clone(), number));
    }
    // a value that does not fit its sub_type may have been posted all the same
    forms.extend(vocabulary::forms(&kind, &Scalar::from(value)).unwrap_or_default());
    Ok(forms.iter().map(Attribute::hash).collect())
}

fn number(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn done(Forgotten { raws, events }: Forgotten) {
    anstream::println!(
        "{GREEN}✓{GREEN:#} removed {} and {}; attributes, objects and sessions that nothing names any more go within a \
         quarter of an hour, while cybexp-archive runs",
        number(raws, "raw"),
        number(events, "event")
    );
}
