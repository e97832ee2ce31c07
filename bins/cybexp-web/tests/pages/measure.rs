//! Sizes and times of the pages of a running site, measured by hand in a browser with an empty cache:
//! `CYBEXP_WEB_SITE=http://127.0.0.1:5080 CYBEXP_WEB_EMAIL=… CYBEXP_WEB_PASSWORD=… cargo test -p cybexp-web --test pages --
//! --ignored --nocapture sizes_and_times`.

use fantoccini::Locator;
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::suite::path;

/// How often each page is opened.
const TIMES: usize = 20;

/// Bytes on the wire, and times in milliseconds, of the page that is open.
const SIZES: &str = "const page = performance.getEntriesByType('navigation')[0];\
    const others = performance.getEntriesByType('resource').filter(e => !e.name.endsWith('/live'));\
    const paint = performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint');\
    return {page: page.encodedBodySize, with_assets: others.reduce((n, e) => n + e.encodedBodySize, page.encodedBodySize),\
      requests: 1 + others.length, first_byte: page.responseStart - page.requestStart,\
      first_paint: paint?.startTime ?? -1, whole: page.loadEventEnd}";
/// Whether the page is loaded, and painted.
const READY: &str = "return performance.getEntriesByType('navigation')[0].loadEventEnd > 0\
    && performance.getEntriesByType('paint').some(e => e.name === 'first-contentful-paint')";
/// The first link of the page that leads to a page about a value of this sub_type.
const LINK: &str = "const all = [...document.querySelectorAll('main a.value')].map(a => a.getAttribute('href'));\
    return all.find(to => to.startsWith(arguments[0])) ?? null";

/// Returns the value below which this share of the values is.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures the site CYBEXP_WEB_SITE"]
async fn sizes_and_times() {
    let told = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let base = told("CYBEXP_WEB_SITE");
    let driver = Driver::start().await.expect("there is a browser");
    driver.look(1200, 900, false).await;
    driver.open(&base, "/overview").await;
    driver.fill("email", &told("CYBEXP_WEB_EMAIL")).await;
    driver.fill("password", &told("CYBEXP_WEB_PASSWORD")).await;
    driver.click(Locator::Css("button.main")).await;
    driver
        .until("return location.pathname === '/overview' && document.readyState === 'complete'")
        .await;

    // the values that the pages are about: the most frequent and the newest ones of the site
    let found = async |begin: &str| {
        let link = driver.client.execute(LINK, vec![json!(begin)]).await;
        link.unwrap().as_str().map(str::to_owned)
    };
    let mut pages = vec![
        ("search".to_owned(), "/".to_owned()),
        ("overview".to_owned(), "/overview".to_owned()),
        (
            "overview, 30 days".to_owned(),
            path("/overview", &[("last", "30d")]),
        ),
    ];
    for sub_type in [
        "ipv4",
        "password",
        "shell_command",
        "url",
        "sha256",
        "behaviour",
    ] {
        driver.open(&base, "/overview").await;
        let Some(hub) = found(&format!("/value?type={sub_type}&")).await else {
            continue;
        };
        pages.push((format!("value: most frequent {sub_type}"), hub.clone()));
        if sub_type == "ipv4" {
            pages.push((
                "the same, with sessions".to_owned(),
                format!("{hub}&level=2"),
            ));
            driver.open(&base, &hub).await;
            let session = found("/session?").await;
            pages.extend(session.map(|session| ("session".to_owned(), session)));
        }
    }
    if let Ok(rare) = std::env::var("CYBEXP_WEB_RARE") {
        pages.push(("value: rare address".to_owned(), rare));
    }
    let network = path("/list", &[("type", "ip"), ("text", "198.18.0.0/16")]);
    pages.push(("list of a network".to_owned(), network));
    for page in [
        "/watch",
        "/inputs",
        "/quarantine",
        "/feeds",
        "/post",
        "/account",
    ] {
        pages.push((page.trim_start_matches('/').to_owned(), page.to_owned()));
    }

    println!(
        "| page | KB | KB with files | requests | first byte ms, p50 / p95 | first paint ms, p50 / p95 | whole ms, p50 / p95 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, page) in pages {
        let mut rows: Vec<Value> = Vec::new();
        for _ in 0..TIMES {
            driver
                .devtools("Network.clearBrowserCache", json!({}))
                .await;
            driver.open(&base, &page).await;
            driver.until(READY).await;
            rows.push(driver.run(SIZES).await);
        }
        let of = |field: &str| -> Vec<f64> {
            let all = rows.iter().map(|row| row[field].as_f64().unwrap());
            all.collect()
        };
        let kb = |field: &str| quantile(&mut of(field), 1.0) / 1024.0;
        let ms = |field: &str| {
            let mut all = of(field);
            let (half, most) = (quantile(&mut all, 0.5), quantile(&mut all, 0.95));
            format!("{half:.0} / {most:.0}")
        };
        println!(
            "| {name} | {:.1} | {:.1} | {} | {} | {} | {} |",
            kb("page"),
            kb("with_assets"),
            quantile(&mut of("requests"), 1.0),
            ms("first_byte"),
            ms("first_paint"),
            ms("whole"),
        );
    }
}
