//! Checks of the configuration that the types of its sections cannot express.

use std::collections::BTreeSet;

use super::{Config, ConfigError, MongoUrl, Secret};
use crate::backoff::MAX_BACKOFF;
use crate::webhook::WebhookRules;

/// The longest submission that may be taken, in bytes. Sealed it is a third longer, and the archive reads files of up to
/// 128 MiB.
const MAX_BODY_BYTES: u64 = 90 << 20;

type Wrong = (String, &'static str);

impl Config {
    /// Checks the values, and names the first wrong one. Secrets from elsewhere are checked when they are used.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.databases()?;
        self.check()
            .map_err(|(key, reason)| self.invalid(key, reason))
    }

    fn databases(&self) -> Result<(), ConfigError> {
        let Self {
            cache,
            tahoe,
            archive,
            analytics,
            report,
            identity,
            ..
        } = self;
        for (section, url, db, coll) in [
            (
                "cache",
                Some(&cache.mongo_url),
                Some(&cache.db),
                Some(&cache.coll),
            ),
            (
                "tahoe",
                Some(&tahoe.mongo_url),
                Some(&tahoe.db),
                Some(&tahoe.coll),
            ),
            (
                "archive",
                archive.mongo_url.as_ref(),
                archive.db.as_ref(),
                archive.coll.as_ref(),
            ),
            (
                "analytics",
                analytics.mongo_url.as_ref(),
                analytics.db.as_ref(),
                analytics.coll.as_ref(),
            ),
            (
                "report",
                Some(&report.mongo_url),
                Some(&report.db),
                Some(&report.coll),
            ),
            (
                "identity",
                Some(&identity.mongo_url),
                Some(&identity.db),
                Some(&identity.coll),
            ),
        ] {
            let wrong =
                |key: &str, reason: String| self.invalid(format!("{section}.{key}"), reason);
            if let Some(Secret::Value(url)) = url {
                MongoUrl::new(url.clone()).map_err(|reason| wrong("mongo_url", reason))?;
            }
            // https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
            if db.is_some_and(|db| {
                db.is_empty() || db.len() > 63 || db.contains(['/', '\\', '.', ' ', '"', '$', '\0'])
            }) {
                return Err(wrong("db", "is no name for a database".to_owned()));
            }
            if coll.is_some_and(|coll| {
                coll.is_empty() || coll.contains(['$', '\0']) || coll.starts_with("system.")
            }) {
                return Err(wrong("coll", "is no name for a collection".to_owned()));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Wrong> {
        let ensure = |holds: bool, key: &str, reason| {
            if holds {
                Ok(())
            } else {
                Err((key.to_owned(), reason))
            }
        };
        let Self {
            api,
            analytics,
            report,
            input,
            web,
            ..
        } = self;

        let http = matches!(api.url.scheme(), "http" | "https") && api.url.has_host();
        ensure(http, "api.url", "must be an http:// or https:// url")?;
        if let Some(url) = &web.api_url {
            let http = matches!(url.scheme(), "http" | "https") && url.has_host();
            ensure(http, "web.api_url", "must be an http:// or https:// url")?;
        }
        ensure(!api.host.is_empty(), "api.host", "is empty")?;
        for (key, number) in [
            ("api.max_body_bytes", api.max_body_bytes),
            (
                "api.connections_per_address",
                api.connections_per_address as u64,
            ),
            ("report.lease_s", report.lease_s),
            ("report.max_concurrent", u64::from(report.max_concurrent)),
            ("report.threatrank_budget_ms", report.threatrank_budget_ms),
            ("report.delivery_backoff_s", report.delivery_backoff_s),
            ("report.delivery_give_up_s", report.delivery_give_up_s),
            ("report.delivery_most", report.delivery_most),
            ("input.spool_max_bytes", input.spool_max_bytes),
            ("analytics.max_backoff_s", analytics.max_backoff_s),
            ("web.session_s", web.session_s),
            ("web.wait_s", web.wait_s),
            ("web.max_upload_bytes", web.max_upload_bytes),
        ] {
            ensure(number > 0, key, "must be more than 0")?;
        }
        let readable = api.max_body_bytes <= MAX_BODY_BYTES;
        ensure(
            readable,
            "api.max_body_bytes",
            "must be at most 94371840 (90 MiB)",
        )?;
        let longest = analytics.max_backoff_s <= MAX_BACKOFF.as_secs();
        ensure(longest, "analytics.max_backoff_s", "must be at most 3600")?;
        let named = !report.callback_hosts.iter().any(String::is_empty);
        ensure(named, "report.callback_hosts", "holds an empty name")?;
        let hosts = report
            .webhook_hosts
            .iter()
            .all(|host| WebhookRules::is_pattern(host));
        ensure(
            hosts,
            "report.webhook_hosts",
            "must hold names of hosts in lower case, *.NAME or *",
        )?;
        let longest = report.delivery_backoff_s <= MAX_BACKOFF.as_secs();
        ensure(longest, "report.delivery_backoff_s", "must be at most 3600")?;
        let longest = report.mail_pause_s <= 86_400;
        ensure(longest, "report.mail_pause_s", "must be at most 86400")?;
        if let Some(smtp) = &report.smtp {
            ensure(!smtp.host.is_empty(), "report.smtp.host", "is empty")?;
            let address = smtp.from.contains('@') && !smtp.from.contains(char::is_control);
            ensure(address, "report.smtp.from", "is no mail address")?;
            let both = smtp.user.is_some() == smtp.password.is_some();
            ensure(both, "report.smtp.password", "goes with report.smtp.user")?;
        }
        self.check_inputs()
    }

    fn check_inputs(&self) -> Result<(), Wrong> {
        let mut names = BTreeSet::new();
        for (i, input) in self.input.inputs.iter().enumerate() {
            let wrong = |key: &str, reason| Err((format!("input.inputs[{i}].{key}"), reason));
            for (key, text) in [
                ("name", &input.name),
                ("plugin", &input.plugin),
                ("typetag", &input.typetag),
                ("orgid", &input.orgid),
            ] {
                if text.is_empty() {
                    return wrong(key, "is empty");
                }
            }
            if input.timezone.parse::<chrono_tz::Tz>().is_err() {
                return wrong("timezone", "is no time zone of the IANA database");
            }
            if !names.insert(&input.name) {
                return wrong("name", "is the name of another input too");
            }
        }
        Ok(())
    }
}
