//! The API, as a program that uses it sees it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::multipart::Form;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub use reqwest::multipart::Part;

const CONNECT: Duration = Duration::from_secs(10);
/// The longest that one question may take; the API answers "check back later" long before.
const ANSWER: Duration = Duration::from_secs(120);
/// The longest that one submission may take.
const SUBMIT: Duration = Duration::from_secs(600);
/// Between two times of asking the same.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest message of an API, or of what answers in its place, that is told.
const MESSAGE_CHARS: usize = 200;

/// Why there is no answer, or not the one that was hoped for. Says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered, or not to the end.
    #[error(
        "cannot reach the API at {url}: {reason}; is cybexp-api running? (`cybexp up` starts the whole suite, \
         `cybexp doctor` tells what is missing, --url or api.url of the configuration says where it is)"
    )]
    Unreachable {
        /// Where the API should be.
        url: Url,
        /// The first cause: `Connection refused`.
        reason: String,
    },
    /// Nobody that it knows, or nobody who may.
    #[error(
        "the API says \"{0}\" (401); is the token that of the right user? `cybexp token EMAIL` makes one, and it is \
         given with --token-file, in $CYBEXP_TOKEN or as api.token of the configuration"
    )]
    Unauthorized(String),
    /// Something else is there, or the API is of another version.
    #[error(
        "there is no such path at {0}: does --url or api.url of the configuration name the API?"
    )]
    NotTheApi(Url),
    /// The request is refused, and will be if it comes again.
    #[error("{message} ({})", status.as_u16())]
    Refused {
        /// From 400 to 499.
        status: StatusCode,
        /// What the API says; may hold anything.
        message: String,
    },
    /// The API is in trouble, or a proxy before it is.
    #[error("{} ({})", trouble(*.of_api, message), status.as_u16())]
    Failed {
        /// 407, 408, 429, or from 500 on.
        status: StatusCode,
        /// The text of the answer; may hold anything.
        message: String,
        /// Whether it is the API that says so.
        of_api: bool,
    },
}

impl ClientError {
    /// The same in a few words, for where it is known which API is meant.
    pub fn brief(&self) -> String {
        match self {
            Self::Unreachable { reason, .. } => {
                format!("cannot be reached: {reason}; is cybexp-api running?")
            }
            other => other.to_string(),
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}

/// What is said of every submission of a kind.
#[derive(Debug, Clone)]
pub struct SubmissionLabels {
    /// What it is, such as `cowrie`.
    pub typetag: String,
    /// The organisation's hash.
    pub orgid: String,
    /// The IANA zone of times in the data that name none.
    pub timezone: String,
}

/// Questions of one request: the API takes 1000, and 1 MiB.
const BATCH: usize = 250;

/// A client of one API.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
}

impl Client {
    /// The API at this URL. Without a token there is little that it answers.
    pub fn new(mut base: Url, token: Option<SecretString>) -> anyhow::Result<Self> {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT);
        if is_loopback(&base) {
            // a proxy would look for the API on its own machine, and be told the token
            http = http.no_proxy();
        }
        let http = http.build().context("cannot make an HTTP client")?;
        Ok(Self { http, base, token })
    }

    /// Where it is looked for.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Whether it is there.
    pub async fn ping(&self) -> Result<(), ClientError> {
        let request = self.http.get(self.url("ping")).timeout(CONNECT);
        self.send(request).await.map(drop)
    }

    /// The document of the user whose token this is.
    pub async fn whoami(&self) -> Result<Value, ClientError> {
        self.result("user/info/self").await
    }

    /// The hashes of the organisations that the user may post for.
    pub async fn admin_of(&self) -> Result<Vec<String>, ClientError> {
        let orgs = self.result("orgs/admin_of").await?;
        let hashes = orgs
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|org| org["_hash"].as_str());
        Ok(hashes.map(str::to_owned).collect())
    }

    async fn result(&self, path: &str) -> Result<Value, ClientError> {
        let request = self.http.get(self.url(path)).timeout(CONNECT);
        let mut answer = self.json(self.send(request).await?).await?;
        Ok(answer["result"].take())
    }

    /// Submits a file.
    pub async fn submit(
        &self,
        about: &SubmissionLabels,
        name: String,
        file: Part,
    ) -> Result<(), ClientError> {
        let form = Form::new()
            // what can be refused without the file stands before it
            .text("orgid", about.orgid.clone())
            .text("typetag", about.typetag.clone())
            .text("timezone", about.timezone.clone())
            .text("name", name.clone())
            .part("file", file.file_name(name));
        let request = self.http.post(self.url("raw")).timeout(SUBMIT);
        self.send(request.multipart(form)).await.map(drop)
    }

    /// Asks once; `None`: the report is not ready yet.
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

    /// Asks until the report is there, for as long as `wait`.
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
            // the answer to this one, and not yet another
            redo = false;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks many questions as one, each as the API takes it, and again those that are not answered yet, for as long as
    /// `wait`. Gives `{status, body}` for each, in order; 202: still not answered.
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
            // the answers to these, and not yet others
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
            request = request.bearer_auth(token.expose_secret());
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
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
            status if status.is_client_error() => ClientError::Refused { status, message },
            status => ClientError::Failed {
                status,
                message,
                of_api,
            },
        })
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
        // the first cause is the one that says something: connection refused
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

/// Whether a URL is on this machine.
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
