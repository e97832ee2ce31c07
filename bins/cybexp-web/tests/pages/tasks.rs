//! Ten tasks of an analyst, done with mouse and keyboard in a browser, each from the search page on. The test fails if one
//! takes more clicks than it should; `-- --nocapture ten_tasks` tells the seconds, too.

use std::time::{Duration, Instant};

use chrono::Utc;
use cybexp_testkit::eventually;
use fantoccini::Locator;

use crate::driver::Driver;
use crate::site::{ADDRESS, fill, sign_in, with_the_demo};
use crate::suite::{ADMIN, Suite, path, session};

const ENTER: char = '\u{e007}';
/// The hash of the file that the attackers fetch.
const HASH: &str = "abababababababababababababababababababababababababababababababab";
const MAIL: &str = "From: a@sender.example\r\nTo: b@unr.example\r\nSubject: invoice\r\n\r\nhttp://phish.example/x\r\n";

/// An analyst at a browser: what was clicked and typed is counted.
struct Analyst<'a> {
    driver: &'a Driver,
    base: &'a str,
    clicks: u32,
    typed: u32,
    since: Instant,
    done: Vec<(&'static str, u32, u32, Duration)>,
}

impl Analyst<'_> {
    /// Begins a task at the search page.
    async fn begin(&mut self) {
        self.driver.open(self.base, "/").await;
        (self.clicks, self.typed, self.since) = (0, 0, Instant::now());
    }

    async fn click(&mut self, on: Locator<'_>) {
        self.driver.click(on).await;
        self.clicks += 1;
    }

    /// Clicks on the link, button or summary with this text.
    async fn press(&mut self, text: &str) {
        let named =
            format!("//*[self::a or self::button or self::summary][normalize-space()='{text}']");
        self.click(Locator::XPath(&named)).await;
    }

    async fn fill(&mut self, id: &str, text: &str) {
        self.driver.fill(id, text).await;
        self.typed += 1;
    }

    /// Types a value into the search box, and waits for its page.
    async fn search(&mut self, value: &str) {
        self.fill("values", &format!("{value}{ENTER}")).await;
        self.sees("main h1.subject").await;
    }

    /// Waits until the page has an element.
    async fn sees(&mut self, css: &str) {
        self.driver.element(Locator::Css(css)).await;
    }

    /// Waits until the content of the page tells this.
    async fn reads(&mut self, text: &str) {
        let script = format!(
            "return document.querySelector('main')?.textContent.includes('{text}') ?? false"
        );
        self.driver.until(&script).await;
    }

    fn end(&mut self, task: &'static str) {
        let took = self.since.elapsed();
        self.done.push((task, self.clicks, self.typed, took));
    }
}

/// A session of today, with a password of its own.
fn of_today() -> Vec<String> {
    let today = Utc::now().format("%Y-%m-%dT%H:").to_string();
    let records = session("7c0ffee7", "198.51.100.9", &["hunter2"], &["uname -a"]);
    let records = records.iter();
    records
        .map(|record| record.replace("2026-11-20T10:", &today))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_tasks_take_few_clicks() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = fill(Suite::with_networks("tasks").await).await;
    with_the_demo(&suite).await;
    suite
        .have("cowrie", &of_today(), ("ipv4", "198.51.100.9", 5))
        .await;
    let page = path("/value", &[("type", "ipv4"), ("data", "198.51.100.3")]);
    eventually("the session has settled", async || {
        let page = suite.person(ADMIN).await.get(&page).await;
        page.text().contains("behaves as")
    })
    .await;
    let mail = tempfile::NamedTempFile::with_suffix(".eml").unwrap();
    std::fs::write(mail.path(), MAIL).unwrap();
    sign_in(&suite, &driver).await;
    driver.look(1200, 900, false).await;
    let mut analyst = Analyst {
        driver: &driver,
        base: &suite.base,
        clicks: 0,
        typed: 0,
        since: Instant::now(),
        done: Vec::new(),
    };
    let one = &mut analyst;

    one.begin().await;
    one.search(ADDRESS).await;
    one.click(Locator::Css("#sessions ~ .scroll a")).await;
    one.reads("was let in").await;
    one.end("what did this attacker do");

    one.begin().await;
    one.search(HASH).await;
    one.sees("#sessions ~ .scroll td").await;
    one.reads("london").await;
    one.end("which sensors saw this hash");

    one.begin().await;
    one.press("Overview").await;
    one.press("last 7 days").await;
    one.reads("hunter2").await;
    one.end("top passwords this week");

    one.begin().await;
    one.press("Overview").await;
    one.sees("#new ~ .tops li a").await;
    one.end("what is new");

    one.begin().await;
    one.search(ADDRESS).await;
    one.sees(".score").await;
    one.end("is this address known, and how bad");

    one.begin().await;
    one.search(ADDRESS).await;
    one.press("203.0.113.0/24").await;
    one.reads("values on this page").await;
    one.end("what shares its network");

    one.begin().await;
    one.press("Post").await;
    one.fill("files", &mail.path().display().to_string()).await;
    one.press("Look at it").await;
    one.click(Locator::Css("button[value=send]")).await;
    one.reads("in the archive").await;
    one.end("post this mail, until it is in the archive");

    one.begin().await;
    one.search("198.51.100.3").await;
    one.press("Give a verdict").await;
    one.click(Locator::Css("input[value=false_positive]")).await;
    one.fill("reason", &format!("our own scanner{ENTER}")).await;
    one.reads("The verdict is given").await;
    one.end("mark it as a false positive");

    one.begin().await;
    one.press("Feeds").await;
    one.press("Add a feed").await;
    one.fill("name", &format!("blocklist{ENTER}")).await;
    one.reads("The token of the feed").await;
    one.end("share addresses as a feed");

    one.begin().await;
    one.search("198.51.100.3").await;
    one.click(Locator::Css("#about ~ .facts a[href*='type=behaviour']"))
        .await;
    one.sees("#sessions ~ .scroll td").await;
    one.end("who else has this behaviour");

    println!("| task | clicks | texts typed | seconds |\n|---|---|---|---|");
    for (task, clicks, typed, took) in &analyst.done {
        println!(
            "| {task} | {clicks} | {typed} | {:.2} |",
            took.as_secs_f64()
        );
    }
    for (task, clicks, typed, _) in &analyst.done {
        assert!(
            clicks + typed <= 4,
            "{task}: {clicks} clicks and {typed} texts"
        );
    }
    assert_eq!(analyst.done.len(), 10);
    suite.stop().await;
}
