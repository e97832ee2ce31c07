//! The refusal of a source, and how long it wants to be left alone.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::later::Later;

/// The longest wait that a source can ask for.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The refusal of a source that can be reached.
#[derive(Debug, thiserror::Error)]
#[error("{origin} answers {status}{}{}", said(.reason.as_deref()), .hint.unwrap_or_default())]
pub struct HttpRefusal {
    /// The origin that answered, with the proxy where there was one.
    pub origin: String,
    /// The status, 400 or above.
    pub status: StatusCode,
    /// The reason that the source gives.
    pub reason: Option<String>,
    /// A hint at the likely cause.
    pub(crate) hint: Option<&'static str>,
}

fn said(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

impl HttpRefusal {
    /// Makes the error after which the source is left alone for this time.
    pub fn later(self, wait: Duration) -> anyhow::Error {
        let reason = format!(
            "{self}, and must be left alone for {} s",
            wait.as_secs().max(1)
        );
        Later { reason, wait }.into()
    }
}

/// Returns the time to wait, which is given in seconds or as a date (RFC 9110, 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(MAX_WAIT, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .ok()?
    };
    (!wait.is_zero()).then(|| wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(text: &str) -> Option<u64> {
        let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 10:00:00 GMT").unwrap();
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_in_seconds_or_until_a_date_and_for_a_day_at_most() {
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait(" 7 "), Some(7));
        assert_eq!(wait("Sat, 21 Nov 2026 10:02:00 GMT"), Some(120));
        assert_eq!(wait("99999999999999999999999"), Some(86400));
        assert_eq!(wait("Sat, 21 Nov 2099 10:02:00 GMT"), Some(86400));
        for none in [
            "0",
            "",
            "soon",
            "-5",
            "1.5",
            "Sat, 21 Nov 2026 09:00:00 GMT",
        ] {
            assert_eq!(wait(none), None, "{none}");
        }
    }
}
