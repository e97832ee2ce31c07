//! A client of the API: submits records and asks queries.

mod form;
mod live;
mod people;
mod proof;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tahoe_core::{SubmissionTags, Tlp};

use form::SubmissionForm;
use proof::WantedProof;

pub use live::LiveEvents;

const CONNECT: Duration = Duration::from_secs(10);
/// The longest that one question may take; the API answers "check back later" long before.
const ANSWER: Duration = Duration::from_secs(120);
/// The message of the API about a path that it does not have: the URL is wrong, not the request.
const NO_SUCH_PATH: &str = "there is no such path";
/// The longest that one submission may take.
const SUBMIT: Duration = Duration::from_secs(600);
/// The time between two tries of the same query.
const PAUSE: Duration = Duration::from_millis(500);

/// The most characters that are shown of a message of the API, or of a proxy in its place.
const MESSAGE_CHARS: usize = 200;

/// The failure of a request. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The API did not answer, or not completely.
    #[error(
        "cannot reach the API at {url}: {reason}; is cybexp-api running? (`cybexp up` starts the whole suite, \
         `cybexp doctor` tells what is missing, --url or api.url of the configuration says where it is)"
    )]
    Unreachable {
        /// The URL of the API.
        url: Url,
        /// The first cause: `Connection refused`.
        reason: String,
    },
    /// The API does not know the token's user, or the user may not do this.
    #[error(
        "the API says \"{0}\" (401); is the token that of the right user? `cybexp token EMAIL` makes one, and it is \
         given with --token-file, in $CYBEXP_TOKEN or as api.token of the configuration"
    )]
    Unauthorized(String),
    /// The answer is not the API's, or the API is of another version.
    #[error(
        "there is no such path at {0}: does --url or api.url of the configuration name the API?"
    )]
    NotTheApi(Url),
    /// The API did not prove that it knows the secret of the configuration. Nothing secret was sent to it.
    #[error(
        "what answers at {0} is not the API of the configuration: another process has the port (`ss -ltnp` shows which), or \
         the API has another identity.secret; no token was sent"
    )]
    AnotherProcess(Url),
    /// The API refuses the request, and would do so again.
    #[error("{message} ({})", status.as_u16())]
    Refused {
        /// The HTTP status, from 400 to 499.
        status: StatusCode,
        /// The message of the API, which may hold any characters.
        message: String,
        /// The records at fault, if the API names them: their positions among those of the submission, beginning with 0,
        /// and the reasons. The others can be submitted without them.
        bad: Vec<(usize, String)>,
    },
    /// The API or a proxy in front of it fails; the same request may succeed later.
    #[error("{} ({})", trouble(*.of_api, message), status.as_u16())]
    Failed {
        /// The HTTP status: 407, 408, 429, or 500 and above.
        status: StatusCode,
        /// The text of the answer, which may hold any characters.
        message: String,
        /// True if the answer is the API's, and not a proxy's.
        of_api: bool,
    },
}

impl ClientError {
    /// Returns a shorter text, for a context that names the API already.
    pub fn brief(&self) -> String {
        match self {
            Self::Unreachable { reason, .. } => {
                format!("cannot be reached: {reason}; is cybexp-api running?")
            }
            other => other.to_string(),
        }
    }

    /// Returns true if the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Failed { .. } | Self::AnotherProcess(_)
        )
    }
}

/// The number of queries in one request. The API takes up to 1000, and 1 MiB.
const BATCH: usize = 250;

/// A client of one API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
    proof: Option<Arc<WantedProof>>,
}

impl Client {
    /// Makes a client of the API at `base`. Without a token the API answers little more than [`Client::ping`].
    pub fn new(mut base: Url, token: Option<SecretString>) -> anyhow::Result<Self> {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT);
        if is_loopback(&base) {
            // a proxy would look for the API on its own machine, and would see the token
            http = http.no_proxy();
        }
        let http = http.build().context("cannot make an HTTP client")?;
        Ok(Self {
            http,
            base,
            token,
            proof: None,
        })
    }

    /// Returns the URL of the API.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether the URL is on this machine.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.base)
    }

    /// Checks that the API answers.
    pub async fn ping(&self) -> Result<(), ClientError> {
        let request = self.http.get(self.url("ping")).timeout(CONNECT);
        self.send(request).await.map(drop)
    }

    /// Returns the document of the token's user.
    pub async fn whoami(&self) -> Result<Value, ClientError> {
        self.result("user/info/self").await
    }

    /// Returns the hashes of the organisations that the token's user may post for.
    pub async fn admin_of(&self) -> Result<Vec<String>, ClientError> {
        let orgs = self.result("orgs/admin_of").await?;
        let hashes = orgs
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|org| org["_hash"].as_str());
        Ok(hashes.map(str::to_owned).collect())
    }

    /// Returns the documents of the organisations to which the token's user belongs.
    pub async fn orgs(&self) -> Result<Value, ClientError> {
        self.result("orgs/user_of").await
    }

    /// Returns the invitations of the token's user.
    pub async fn invitations(&self) -> Result<Value, ClientError> {
        self.result("user/invitations").await
    }

    /// Posts JSON to this path, and returns the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let request = self.http.post(self.url(path)).timeout(ANSWER);
        let response = self.send(request.json(body)).await?;
        self.json(response).await
    }

    /// Returns the answer to a GET of this path.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        let request = self.http.get(self.url(path)).timeout(CONNECT);
        self.json(self.send(request).await?).await
    }

    async fn result(&self, path: &str) -> Result<Value, ClientError> {
        let request = self.http.get(self.url(path)).timeout(CONNECT);
        let mut answer = self.json(self.send(request).await?).await?;
        Ok(answer["result"].take())
    }

    /// Submits one record or many, which are stored together or not at all.
    ///
    /// # Errors
    /// [`ClientError::Refused`] names the records at fault if the API does. An API that knows no submissions of many records
    /// may take the first one only, which counts as a refusal.
    pub async fn submit<R: AsRef<[u8]>>(
        &self,
        tags: &SubmissionTags,
        name: &str,
        records: &[R],
    ) -> Result<(), ClientError> {
        self.submit_traced(tags, name, records).await.map(drop)
    }

    /// Submits records as [`Client::submit`] does, and returns the id by which [`Client::submission`] knows them.
    pub async fn submit_traced<R: AsRef<[u8]>>(
        &self,
        tags: &SubmissionTags,
        name: &str,
        records: &[R],
    ) -> Result<String, ClientError> {
        let SubmissionForm { content_type, body } = SubmissionForm::new(tags, name, records);
        let request = self.http.post(self.url("raw")).timeout(SUBMIT);
        let request = request.header(CONTENT_TYPE, content_type).body(body);
        let response = self.send(request).await?;
        let (status, taken) = (response.status(), self.json(response).await?);
        if records.len() > 1 && taken["records"] != records.len() {
            return Err(ClientError::Refused {
                status,
                message: "the API takes one record at a time".to_owned(),
                bad: Vec::new(),
            });
        }
        Ok(taken["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Returns the state of a submission.
    pub async fn submission(&self, id: &str) -> Result<Value, ClientError> {
        let mut url = self.url("raw/");
        url.set_path(&format!("{}{}", url.path(), id));
        let request = self.http.get(url).timeout(CONNECT);
        self.json(self.send(request).await?).await
    }

    /// Asks a query once. Returns `None` if the report is not ready yet.
    pub async fn query(
        &self,
        qtype: &str,
        data: &Value,
        redo: bool,
    ) -> Result<Option<Value>, ClientError> {
        let question = json!({"type": qtype, "data": data, "redo": redo});
        let request = self.http.post(self.url("query")).timeout(ANSWER);
        let response = self.send(request.json(&question)).await?;
        match response.status() {
            StatusCode::ACCEPTED => Ok(None),
            _ => self.json(response).await.map(Some),
        }
    }

    /// Asks a query until the report is ready, for at most `wait`.
    pub async fn ask(
        &self,
        qtype: &str,
        data: &Value,
        redo: bool,
        wait: Duration,
    ) -> anyhow::Result<Value> {
        let since = Instant::now();
        let mut redo = redo;
        loop {
            if let Some(report) = self.query(qtype, data, redo).await? {
                return Ok(report);
            }
            if since.elapsed() >= wait {
                bail!(
                    "the report is not ready after {} s; ask the same again later, or with a longer --wait; does \
                     cybexp-report run? (`cybexp doctor` tells)",
                    wait.as_secs()
                );
            }
            // `redo` only once: the next tries fetch the same report
            redo = false;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks a query until its answer is ready, for at most `wait`, and returns the answer as a STIX bundle of what has at
    /// most this label, and how many events are stricter. The query must be one for documents.
    pub async fn ask_stix(
        &self,
        qtype: &str,
        data: &Value,
        tlp: Tlp,
        wait: Duration,
    ) -> anyhow::Result<(Value, u64)> {
        let since = Instant::now();
        let mut url = self.url("query");
        url.query_pairs_mut().append_pair("tlp", tlp.as_str());
        let question = json!({"type": qtype, "data": data});
        loop {
            let request = self.http.post(url.clone()).timeout(ANSWER);
            let request = request
                .header(ACCEPT, "application/stix+json")
                .json(&question);
            let response = self.send(request).await?;
            if response.status() != StatusCode::ACCEPTED {
                let left_out = response.headers().get("x-cybexp-left-out");
                let left_out = left_out.and_then(|count| count.to_str().ok()?.parse().ok());
                return Ok((self.json(response).await?, left_out.unwrap_or_default()));
            }
            if since.elapsed() >= wait {
                bail!(
                    "the answer is not ready after {} s; ask the same again later, or with a longer --wait",
                    wait.as_secs()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks many queries, each in the form that the API takes, and repeats those that are not answered yet, for at most `wait`.
    /// Returns `{status, body}` for each, in order. Status 202: not answered in time.
    pub async fn ask_many(
        &self,
        mut questions: Vec<Value>,
        wait: Duration,
    ) -> Result<Vec<Value>, ClientError> {
        let since = Instant::now();
        let mut answers = vec![Value::Null; questions.len()];
        let mut open: Vec<usize> = (0..questions.len()).collect();
        loop {
            for part in open.chunks(BATCH) {
                let asked: Vec<&Value> = part.iter().map(|&n| &questions[n]).collect();
                let request = self.http.post(self.url("query")).timeout(ANSWER);
                let response = self.send(request.json(&asked)).await?;
                let Value::Array(replies) = self.json(response).await? else {
                    return Err(ClientError::NotTheApi(self.base.clone()));
                };
                for (&n, reply) in part.iter().zip(replies) {
                    answers[n] = reply;
                }
            }
            open.retain(|&n| answers[n]["status"] == StatusCode::ACCEPTED.as_u16());
            if open.is_empty() || since.elapsed() >= wait {
                return Ok(answers);
            }
            // `redo` only once: the next tries fetch the same reports
            for question in &mut questions {
                question
                    .as_object_mut()
                    .map(|question| question.remove("redo"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn url(&self, path: &str) -> Url {
        self.base
            .join(path)
            .expect("the paths are constant and valid")
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, ClientError> {
        if let Some(token) = &self.token {
            self.prove().await?;
            request = request.bearer_auth(token.expose_secret());
        }
        self.send_as_stranger(request).await
    }

    /// Sends a request without the token.
    async fn send_as_stranger(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))
            .inspect_err(|_| self.doubt())?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let body = serde_json::from_str::<Value>(&text).ok();
        let message = body.as_ref().and_then(|body| body["message"].as_str());
        let of_api = message.is_some();
        let message = short(message.unwrap_or(&text));
        Err(match status {
            StatusCode::UNAUTHORIZED => ClientError::Unauthorized(message),
            StatusCode::NOT_FOUND if of_api && message != NO_SUCH_PATH => ClientError::Refused {
                status,
                message,
                bad: Vec::new(),
            },
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                ClientError::NotTheApi(self.base.clone())
            }
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::PROXY_AUTHENTICATION_REQUIRED => ClientError::Failed {
                status,
                message,
                of_api,
            },
            status if status.is_client_error() => {
                let bad = body.as_ref().and_then(|body| body["bad"].as_array());
                let bad = bad.into_iter().flatten().filter_map(|bad| {
                    let n = usize::try_from(bad["n"].as_u64()?).ok()?;
                    Some((n.checked_sub(1)?, short(bad["reason"].as_str()?)))
                });
                ClientError::Refused {
                    status,
                    message,
                    bad: bad.collect(),
                }
            }
            status => ClientError::Failed {
                status,
                message,
                of_api,
            },
        })
    }

    fn doubt(&self) {
        if let Some(proof) = &self.proof {
            proof.doubt();
        }
    }

    async fn json(&self, response: Response) -> Result<Value, ClientError> {
        response
            .json()
            .await
            .map_err(|error| match error.is_decode() {
                true => ClientError::NotTheApi(self.base.clone()),
                false => self.unreachable(&error),
            })
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        // the first cause is the useful one, such as: connection refused
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let reason = cause.to_string();
        ClientError::Unreachable {
            url: self.base.clone(),
            reason,
        }
    }
}

fn trouble(of_api: bool, message: &str) -> String {
    match of_api {
        true => format!("the API says \"{message}\"; its log tells more"),
        false => format!(
            "what answers is not the API, but a proxy or another server before it; it says \"{message}\""
        ),
    }
}

fn short(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS).collect()
}

/// Returns true if a URL is on this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    match ip {
        Some(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()) => true,
        Some(ip) => ip.is_loopback() || ip.is_unspecified(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:5000/", true),
            ("http://LOCALHOST./", true),
            ("http://api.localhost/", true),
            ("http://[::1]:5000/", true),
            ("http://0.0.0.0/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://10.0.0.1/", false),
            ("https://api.example/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(
                is_loopback(&Url::parse(url).expect("a URL")),
                expected,
                "{url}"
            );
        }
    }
}
