//! The whole suite in this process, with a MongoDB, and a client of the pages that keeps cookies as a browser does.

use std::sync::Arc;
use std::time::Duration;

use cybexp_service::{Config, DaemonContext, Health, Shutdown};
use cybexp_testkit::{Site, eventually, free_ports};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tahoe_core::{Membership, User};
use tokio::task::JoinHandle;
use url::form_urlencoded;

/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The admin of the organisation.
pub(crate) const ADMIN: &str = "admin@unr.example";
/// A user of no organisation.
pub(crate) const STRANGER: &str = "stranger@other.example";
/// A superuser, of no organisation.
pub(crate) const SUPERUSER: &str = "root@unr.example";

/// The time for which a page waits for answers, in seconds: a slow machine makes late pages, not other ones.
const WAIT_S: u64 = 90;

/// Running daemons.
pub(crate) struct Suite {
    pub(crate) site: Site,
    pub(crate) base: String,
    shutdown: Shutdown,
    daemons: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Suite {
    pub(crate) async fn start(name: &str) -> Self {
        Self::with(name, json!({})).await
    }

    /// Starts all daemons. `web` is added to the section of that name.
    pub(crate) async fn with(name: &str, web: Value) -> Self {
        Self::with_sections(name, web, json!({})).await
    }

    /// Starts all daemons with databases of networks, which tell the country of documentation addresses.
    pub(crate) async fn with_networks(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/networks");
        let files = ["countries.csv", "networks.csv"].map(|file| format!("{folder}/{file}"));
        let analytics = json!({"geoip": files, "session_settle_s": 1, "session_open_s": 1});
        Self::with_sections(name, json!({}), json!({"analytics": analytics})).await
    }

    async fn with_sections(name: &str, mut web: Value, mut more: Value) -> Self {
        let [api, pages] = free_ports();
        web["listen"] = json!(format!("127.0.0.1:{pages}"));
        web["secure_cookie"] = json!(false);
        let url = format!("http://127.0.0.1:{api}/");
        more["api"] = json!({"listen": format!("127.0.0.1:{api}"), "url": url, "wait_s": WAIT_S});
        web["wait_s"] = json!(WAIT_S);
        more["web"] = web;
        let site = Site::new(name, more).await;
        let admin = site.add_user(ADMIN, PASSWORD).await;
        site.add_user(STRANGER, PASSWORD).await;
        site.add_superuser(SUPERUSER, PASSWORD).await;
        let make_admin =
            |org: &tahoe_core::Org| org.add(Membership::Admin, std::slice::from_ref(&admin));
        let changed = site.identity.change_org(site.orgid, make_admin).await;
        changed.unwrap().unwrap().unwrap();

        let shutdown = Shutdown::new();
        let context = |name: &'static str| DaemonContext {
            name,
            config: Arc::new(Config::from_file(&site.config).unwrap()),
            shutdown: shutdown.clone(),
            health: Health::new(),
            once: false,
        };
        let daemons = vec![
            tokio::spawn(cybexp_api::run(context("api"))),
            tokio::spawn(cybexp_archive::run(context("archive"))),
            tokio::spawn(cybexp_analytics::run(context("analytics"))),
            tokio::spawn(cybexp_report::run(context("report"))),
            tokio::spawn(cybexp_web::run(context("web"))),
        ];
        let suite = Self {
            base: format!("http://127.0.0.1:{pages}"),
            site,
            shutdown,
            daemons,
        };
        for port in [api, pages] {
            let there = async || {
                tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .is_ok()
            };
            eventually("the daemon listens", there).await;
        }
        suite
    }

    /// Returns a browser without a session.
    pub(crate) fn visitor(&self) -> Visitor {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(2 * WAIT_S));
        Visitor {
            http: http.build().unwrap(),
            base: self.base.clone(),
            cookie: String::new(),
        }
    }

    /// Returns a browser in which this user is signed in.
    pub(crate) async fn person(&self, email: &str) -> Visitor {
        let mut visitor = self.visitor();
        let form = visitor.get("/sign-in").await;
        let fields = [
            ("csrf", form.csrf()),
            ("email", email.to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        let answer = visitor.post("/sign-in", &fields).await;
        assert_eq!(
            (answer.status, answer.location.as_str()),
            (303, "/"),
            "{}",
            answer.body
        );
        visitor
    }

    /// Submits records and waits until a value of theirs has this many events.
    pub(crate) async fn have(
        &self,
        typetag: &str,
        records: &[String],
        (sub_type, value, events): (&str, &str, u64),
    ) {
        let texts = records.iter().map(String::as_str);
        self.site.submit(typetag, texts).await;
        let mut filters = cybexp_filters::FILTERS.iter();
        let filter = filters.find(|filter| filter.typetags().contains(&typetag));
        let id = filter.map(|one| one.id()).unwrap();
        let page = self::path("/value", &[("type", sub_type), ("data", value)]);
        let events = format!("<dt>events</dt><dd>{events}</dd>");
        eventually("the records are in the graph", async || {
            self.person(ADMIN)
                .await
                .get(&page)
                .await
                .body
                .contains(&events)
        })
        .await;
        // sessions are stored after their events, and a raw is marked after both
        eventually("all is made of the records", async || {
            let pending = self.site.raws.count_pending(&id).await;
            pending.unwrap() == 0
        })
        .await;
    }

    /// Submits records that are accepted now, under this name. Nobody is told of old ones.
    pub(crate) async fn submit_now(&self, typetag: &str, name: &str, records: &[&[u8]]) {
        let mut submission = match records {
            [one] => {
                let text = std::str::from_utf8(one).unwrap();
                self.site.submission(typetag, text)
            }
            many => self.site.submission_of_many(typetag, many),
        };
        submission.entry.name = name.to_owned();
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        submission.entry.timestamp = since.as_secs_f64();
        self.site.cache.submit(&[submission]).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        for daemon in self.daemons {
            daemon.await.unwrap().unwrap();
        }
    }

    /// Returns the user with this address.
    pub(crate) async fn user(&self, email: &str) -> User {
        self.site
            .identity
            .user_by_email(email)
            .await
            .unwrap()
            .unwrap()
    }
}

/// A browser without scripts.
#[derive(Clone)]
pub(crate) struct Visitor {
    http: reqwest::Client,
    base: String,
    cookie: String,
}

/// An answer of the pages.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) location: String,
    pub(crate) body: String,
}

impl Visitor {
    /// Waits until the page of a value tells of one event.
    pub(crate) async fn finds(&self, path: &str) {
        eventually("it is found", async || {
            let page = self.clone().get(path).await;
            page.body.contains("<dt>events</dt><dd>1</dd>")
        })
        .await;
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(body.finish())).await
    }

    /// Sends a form with files: (field, file's name, bytes).
    pub(crate) async fn upload(
        &mut self,
        path: &str,
        parts: &[(&str, Option<&str>, &[u8])],
    ) -> Answer {
        let mut body = Vec::new();
        for (name, file, bytes) in parts {
            let file = file
                .map(|file| format!("; filename=\"{file}\""))
                .unwrap_or_default();
            body.extend(
                format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                    .bytes(),
            );
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(b"--edge--\r\n");
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header(CONTENT_TYPE, "multipart/form-data; boundary=edge");
        self.send(request.body(body)).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.header(COOKIE, &self.cookie).send().await.unwrap();
        let headers = response.headers().clone();
        if let Some(set) = headers.get(SET_COOKIE) {
            self.cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let location = headers
            .get(LOCATION)
            .map(|to| to.to_str().unwrap().to_owned());
        // a stream of events has no end
        let ends = headers
            .get(CONTENT_TYPE)
            .is_none_or(|kind| kind != "text/event-stream");
        Answer {
            status: response.status().as_u16(),
            headers,
            location: location.unwrap_or_default(),
            body: match ends {
                true => response.text().await.unwrap(),
                false => String::new(),
            },
        }
    }
}

impl Answer {
    /// Returns the token of the first form.
    pub(crate) fn csrf(&self) -> String {
        self.value_of("csrf")
    }

    /// Returns the value of the first hidden field with this name.
    pub(crate) fn value_of(&self, name: &str) -> String {
        let begin = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&begin).nth(1);
        let rest = rest.unwrap_or_else(|| panic!("no field {name}: {}", self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Returns the page without its tags.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text
    }

    /// Returns the paths of all links, files and streams of this page.
    pub(crate) fn paths(&self) -> Vec<String> {
        let parts = self.body.split(" href=\"").skip(1);
        let parts = parts.chain(self.body.split(" src=\"").skip(1));
        let parts = parts.chain(self.body.split(" data-live=\"").skip(1));
        parts
            .map(|part| part.split('"').next().unwrap().replace("&amp;", "&"))
            .collect()
    }
}

/// Writes a path with parameters.
pub(crate) fn path(path: &str, params: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params);
    format!("{path}?{}", query.finish())
}

/// The log of a session at a honeypot, which logs in with these passwords and types these commands.
pub(crate) fn session(
    id: &str,
    address: &str,
    passwords: &[&str],
    commands: &[&str],
) -> Vec<String> {
    let mut second = 0;
    let mut record = |eventid: &str, more: Value| {
        second += 7;
        let mut record = json!({
            "eventid": format!("cowrie.{eventid}"), "session": id, "src_ip": address, "sensor": "london",
            "timestamp": format!("2026-11-20T10:{:02}:{:02}.000000Z", second / 60, second % 60),
        });
        for (key, value) in more.as_object().unwrap() {
            record[key] = value.clone();
        }
        record.to_string()
    };
    let mut records = vec![
        record(
            "session.connect",
            json!({"src_port": 40000, "dst_ip": "10.0.0.1", "dst_port": 22, "protocol": "ssh"}),
        ),
        record("client.version", json!({"version": "SSH-2.0-Go"})),
    ];
    for (n, password) in passwords.iter().enumerate() {
        let event = if n + 1 == passwords.len() {
            "login.success"
        } else {
            "login.failed"
        };
        records.push(record(
            event,
            json!({"username": "root", "password": password}),
        ));
    }
    for command in commands {
        records.push(record("command.input", json!({"input": command})));
    }
    let url = "http://203.0.113.77/bot.sh";
    records.push(record(
        "session.file_download",
        json!({"url": url, "shasum": "ab".repeat(32), "outfile": "x"}),
    ));
    records.push(record("session.closed", json!({"duration": 60.0})));
    records
}
