//! A headless Chromium, driven through its ChromeDriver.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::Method;
use cybexp_testkit::{eventually, free_ports};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_needs::Need;
use url::{ParseError, Url};

/// The longest that a test waits for something of a page: a slow machine makes late pages, not other ones.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser. It ends with the test.
pub(crate) struct Driver {
    pub(crate) client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command of Chromium's own, which WebDriver does not have.
#[derive(Debug)]
struct Devtools(&'static str, Value);

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({"cmd": self.0, "params": self.1});
        (Method::POST, Some(body.to_string()))
    }
}

impl Driver {
    /// Starts a browser. `None`, with a message, if this machine has none.
    pub(crate) async fn start() -> Option<Self> {
        let [port] = free_ports();
        let mut command = Command::new("chromedriver");
        let spawned = command
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = spawned else {
            Need::Browser.is_lacking("there is no chromedriver (Debian: chromium-driver)");
            return None;
        };
        eventually("the ChromeDriver listens", async || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        let profile = tempfile::tempdir().unwrap();
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({"goog:chromeOptions": {"args": args}, "timeouts": {"script": PATIENCE.as_millis()}});
        let Value::Object(options) = options else {
            unreachable!()
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let connected = builder
            .capabilities(options)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = match connected {
            Ok(client) => client,
            Err(error) => {
                Need::Browser.is_lacking(format_args!("no Chromium starts: {error}"));
                return None;
            }
        };
        Some(Self {
            client,
            driver,
            _profile: profile,
        })
    }

    /// Runs a command of Chromium's own.
    pub(crate) async fn devtools(&self, command: &'static str, params: Value) -> Value {
        self.client
            .issue_cmd(Devtools(command, params))
            .await
            .unwrap()
    }

    /// Sets the size of the window, and whether the person likes it dark.
    pub(crate) async fn look(&self, width: u32, height: u32, dark: bool) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Opens a page, and waits until all of it is there.
    pub(crate) async fn open(&self, base: &str, page: &str) {
        self.client.goto(&format!("{base}{page}")).await.unwrap();
        self.is_complete().await;
    }

    /// Waits until all parts of the page are there.
    pub(crate) async fn is_complete(&self) {
        self.until("return document.readyState === 'complete'")
            .await;
    }

    /// Waits for an element, and clicks on it.
    pub(crate) async fn click(&self, on: Locator<'_>) {
        self.element(on).await.click().await.unwrap();
    }

    /// Waits for an element.
    pub(crate) async fn element(&self, at: Locator<'_>) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(at).await.unwrap()
    }

    /// Waits for a field, and types into it.
    pub(crate) async fn fill(&self, id: &str, text: &str) {
        let field = self.element(Locator::Id(id)).await;
        field.send_keys(text).await.unwrap();
    }

    /// Runs a script in the page, and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap()
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, script: &str) {
        eventually(script, async || {
            tokio::time::sleep(Duration::from_millis(30)).await;
            self.client
                .execute(script, vec![])
                .await
                .is_ok_and(|holds| holds == json!(true))
        })
        .await;
    }
}
