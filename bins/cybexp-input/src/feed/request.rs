//! Asking a source over HTTP.

use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Request, Response, StatusCode, Url};

use super::Validators;
use super::url::origin;
use crate::plugin::Later;

const CONNECT: Duration = Duration::from_secs(20);
const MAX_REDIRECTS: usize = 5;
/// Whatever a source asks for, it is tried again after a day.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// What is read of the body of a refusal.
const MAX_MESSAGE: usize = 4096;
/// What is told of it.
const SHOWN_MESSAGE: usize = 200;

/// How a source wants to be asked.
#[derive(Debug)]
pub(crate) struct Options {
    /// Who asks.
    pub(crate) user_agent: String,
    /// Whether certificates are verified.
    pub(crate) verify_tls: bool,
    /// Where to follow it.
    pub(crate) redirects: Redirects,
    /// How long it may be silent.
    pub(crate) idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user_agent: agent().to_owned(),
            verify_tls: true,
            redirects: Redirects::Anywhere,
            idle: super::IDLE,
        }
    }
}

/// Which redirects are followed. From https to http: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// All.
    Anywhere,
    /// Those to the same host: requests hold keys that are for nobody else.
    SameHost,
    /// None: a POST would become a GET.
    None,
}

/// What this program calls itself.
pub(crate) fn agent() -> &'static str {
    concat!(
        "cybexp-input/",
        env!("CARGO_PKG_VERSION"),
        " (+CYBEX-P threat intelligence collector)"
    )
}

/// A client of one source.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
}

/// What came of a conditional GET.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing is new.
    Nothing,
    /// This is; its body is not read yet.
    New(Response),
}

impl Http {
    /// # Errors
    /// When the machine lacks what TLS needs.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let redirects = options.redirects;
        let client = Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(CONNECT)
            .read_timeout(options.idle)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(Policy::custom(move |attempt| follow(attempt, redirects)))
            // it would tell the next host the URL, and with it the key
            .referer(false)
            .tls_danger_accept_invalid_certs(!options.verify_tls)
            // what this crate asks for, it takes apart itself, bounded; other crates may have turned these on
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .build()
            .map_err(|error| format!("no HTTP client can be made: {}", cause(&error)))?;
        Ok(Self { client })
    }

    /// The client, to build requests for [`Http::send`] with.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for a document, unless it is the one that `known` names.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        known: Option<&Validators>,
    ) -> anyhow::Result<Answer> {
        let mut request = self.client.get(url.clone()).headers(headers.clone());
        if let Some(known) = known {
            request = request.headers(known.headers());
        }
        let response = self.send(request.build()).await?;
        match response.status() {
            StatusCode::OK => Ok(Answer::New(response)),
            StatusCode::NO_CONTENT => Ok(Answer::Nothing),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Answer::Nothing),
            status => Err(anyhow!(
                "{} answers {status}, which is no answer to a GET",
                origin(response.url())
            )),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// A status from 400 on is [`Refused`], or [`Later`] where the source says when to come again.
    pub(crate) async fn send(&self, request: reqwest::Result<Request>) -> anyhow::Result<Response> {
        let mut request = request.map_err(|error| anyhow!("no request: {}", cause(&error)))?;
        let origin = origin(request.url());
        request
            .headers_mut()
            .entry(ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip"));
        let response = self.client.execute(request).await;
        let response = response.map_err(|error| anyhow!("{origin}: {}", cause(&error)))?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let wait = retry_after(response.headers(), SystemTime::now());
            let body = head(response).await;
            let refused = Refused {
                origin,
                status,
                body,
            };
            return Err(match wait {
                Some(wait) => refused.later(wait),
                None => refused.into(),
            });
        }
        Ok(response)
    }
}

/// The source answers, but does not want to.
#[derive(Debug, thiserror::Error)]
#[error("{origin} answers {status}")]
pub(crate) struct Refused {
    /// Who.
    pub(crate) origin: String,
    /// From 400 on.
    pub(crate) status: StatusCode,
    /// The first bytes of the body; may hold anything, keys among it.
    pub(crate) body: Vec<u8>,
}

impl Refused {
    /// The error that asks to be left alone for so long.
    pub(crate) fn later(self, wait: Duration) -> anyhow::Error {
        let reason = format!(
            "{self}, and must be left alone for {} s",
            wait.as_secs().max(1)
        );
        Later { reason, wait }.into()
    }
}

fn follow(attempt: Attempt<'_>, redirects: Redirects) -> reqwest::redirect::Action {
    let Some(from) = attempt.previous().last() else {
        return attempt.follow();
    };
    let (same_host, downgrade) = (
        from.host() == attempt.url().host(),
        from.scheme() == "https" && attempt.url().scheme() != "https",
    );
    let to = origin(attempt.url());
    if downgrade {
        attempt.error(format!(
            "redirects from https to {to}, which is not followed"
        ))
    } else if redirects == Redirects::None || (redirects == Redirects::SameHost && !same_host) {
        attempt.error(format!(
            "redirects to {to}, which is not followed: if that is right, set url to it"
        ))
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("redirects too often")
    } else {
        attempt.follow()
    }
}

/// How long to wait, in seconds or until a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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

/// What lies at the bottom of an error: it says most, and names no URL.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        // it would print the URL
        Some(error) if error.is_timeout() => "no answer in time".to_owned(),
        Some(_) => "the request cannot be sent".to_owned(),
        None => cause.to_string(),
    }
}

async fn head(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MAX_MESSAGE {
        let Ok(Some(chunk)) = response.chunk().await else {
            break;
        };
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_MESSAGE);
    body
}

/// What a source says, made fit for a log: one short line without control characters.
pub(crate) fn cleaned(text: &str) -> String {
    let text: String = text.chars().take(SHOWN_MESSAGE).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
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

    #[test]
    fn messages_become_one_short_line() {
        assert_eq!(cleaned("a\r\n b\t\u{1b}[31mc"), "a b [31mc");
        assert_eq!(cleaned(&"x".repeat(1000)).len(), 200);
    }
}
