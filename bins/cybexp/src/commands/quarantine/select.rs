//! Options that select records, shared by the commands.

use anyhow::anyhow;
use chrono_tz::Tz;
use cybexp_filters::all_typetags;
use cybexp_store::Selection;
use tahoe_core::Org;
use tahoe_core::time::{parse_instant, parse_last};

use crate::commands::clock::unix_now;
use crate::commands::named::SuggestedNames;

#[derive(clap::Args)]
pub(crate) struct SelectionArgs {
    /// Only records of this typetag
    #[arg(long, value_parser = SuggestedNames(all_typetags))]
    typetag: Option<String>,
    /// Only records of this organisation: its name or hash
    #[arg(long)]
    org: Option<String>,
    /// Only records that were taken in since then: a date, Unix seconds, or a length of time, such as 12h or 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only records whose reason holds this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl SelectionArgs {
    /// Returns true if an option is given.
    pub(super) fn is_some(&self) -> bool {
        let Self {
            typetag,
            org,
            since,
            reason,
        } = self;
        [typetag, org, since, reason]
            .iter()
            .any(|given| given.is_some())
    }

    pub(super) fn selection(&self) -> anyhow::Result<Selection> {
        let since = self.since.as_deref().map(since).transpose()?;
        let orgid = self.org.as_deref();
        Ok(Selection {
            typetag: self.typetag.clone(),
            orgid: orgid.map(|name| Org::hash_named(name).to_string()),
            since,
            reason: self.reason.clone(),
        })
    }
}

/// Reads the value of `--since` and returns Unix seconds.
fn since(text: &str) -> anyhow::Result<f64> {
    if let Ok(seconds) = parse_last(text) {
        return Ok(unix_now() as f64 - seconds);
    }
    parse_instant(text, Tz::UTC).map_err(|error| anyhow!("--since {text}: {}", error.reason))
}
