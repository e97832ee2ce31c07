//! The API as a process, and a client of it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::{Daemon, Site};

/// A running API; killed when dropped.
pub struct Api {
    /// The process.
    pub daemon: Daemon,
    /// The address that the API listens on: `127.0.0.1:12345`.
    pub address: String,
    /// The file of its log.
    pub log: PathBuf,
    http: Client,
}

/// An answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Returns the body, parsed as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Returns the text of the answer's field `message`.
    pub fn message(&self) -> String {
        let json = self.json();
        let message = json["message"].as_str();
        message
            .unwrap_or_else(|| panic!("no message: {self:?}"))
            .to_owned()
    }
}

impl Api {
    /// Starts `program`, which is the API or `cybexp`, and waits until it answers. The site's configuration must
    /// leave it a free port, as [`Site::new`] does.
    pub async fn start<A: AsRef<OsStr>>(program: &str, args: &[A], site: &Site) -> Self {
        let log = site.folder.path().join(crate::unique("api") + ".log");
        let daemon = Daemon::start_logged(program, args, &site.config, &log);
        let address = || {
            let log = std::fs::read_to_string(&log).expect("there is a log");
            let (_, address) = log.rsplit_once(" listen=")?;
            Some(address.split_once('\n')?.0.to_owned())
        };
        crate::eventually("the API listens", async || address().is_some()).await;
        Self {
            daemon,
            address: address().expect("it was there"),
            log,
            http: Client::builder()
                .timeout(Duration::from_secs(60))
                .build()
                .expect("a client"),
        }
    }

    /// Makes a request of this method to this path, with the rights of the token's user.
    pub fn request(&self, method: &str, path: &str, token: Option<&str>) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self
            .http
            .request(method, format!("http://{}{path}", self.address));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a `GET` request.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        answer(self.request("GET", path, token)).await
    }

    /// Sends a `POST` request with a JSON body.
    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let request = self.request("POST", path, token);
        let request = request.header("content-type", "application/json");
        answer(request.body(body.to_string())).await
    }

    /// Sends a `POST /raw` request.
    pub async fn submit(&self, token: Option<&str>, form: &Form) -> Answer {
        let request = self.request("POST", "/raw", token);
        let request = request.header("content-type", Form::CONTENT_TYPE);
        answer(request.body(form.body())).await
    }
}

/// Sends the request.
///
/// # Panics
/// If there is no answer.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request
        .send()
        .await
        .unwrap_or_else(|e| panic!("no answer: {e:?}"));
    let status = response.status().as_u16();
    let body = response
        .text()
        .await
        .unwrap_or_else(|e| panic!("no whole answer: {e:?}"));
    Answer { status, body }
}

/// The parts of a multipart form, in order.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// The content type, with the boundary between the parts.
    pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=a-test-of-the-api";

    /// Makes a form without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a submission of the site's organisation, still without its file.
    pub fn submission(site: &Site, typetag: &str) -> Self {
        let form = Self::new().text("orgid", &site.orgid.to_string());
        form.text("typetag", typetag).text("timezone", "UTC")
    }

    /// Adds a text.
    pub fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("form-data; name=\"{name}\""), text.as_bytes())
    }

    /// Adds a file.
    pub fn file(self, filename: &str, bytes: &[u8]) -> Self {
        self.part(
            &format!("form-data; name=\"file\"; filename=\"{filename}\""),
            bytes,
        )
    }

    fn part(mut self, disposition: &str, bytes: &[u8]) -> Self {
        let head = format!("--a-test-of-the-api\r\nContent-Disposition: {disposition}\r\n\r\n");
        self.0.extend(head.as_bytes());
        self.0.extend(bytes);
        self.0.extend(b"\r\n");
        self
    }

    /// Returns the body of the request.
    pub fn body(&self) -> Vec<u8> {
        [self.0.as_slice(), b"--a-test-of-the-api--\r\n"].concat()
    }
}
