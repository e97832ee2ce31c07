//! Pictures of all pages, taken by hand into the folder `CYBEXP_WEB_SHOTS`:
//! `CYBEXP_WEB_SHOTS=FOLDER cargo test -p cybexp-web --test pages -- --ignored pictures`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::accessible::SENT;
use crate::admin::refused_raw;
use crate::driver::Driver;
use crate::site::{ADDRESS, fill, posted, sign_in, with_a_feed, with_subscriptions, with_the_demo};
use crate::suite::{ADMIN, Suite, path, session};

/// The looks of a page: name, width, height, dark.
const LOOKS: [(&str, u32, u32, bool); 4] = [
    ("light", 1200, 900, false),
    ("dark", 1200, 900, true),
    ("narrow", 390, 800, false),
    ("narrow-dark", 390, 800, true),
];
/// The most of a page's height that a picture holds.
const HIGHEST: u64 = 3000;

/// Has events come in while the page listens.
async fn with_live_events(suite: &Suite, driver: &Driver, n: usize) {
    driver
        .until("return document.querySelector('[data-live-state]').textContent.startsWith('Listening')")
        .await;
    let address = format!("198.51.100.{}", 40 + n);
    let typed = ["uname -a", "nproc"];
    let records = session(&format!("77aa{n}"), &address, &["root"], &typed);
    let records: Vec<&[u8]> = records.iter().map(String::as_bytes).collect();
    suite.submit_now("cowrie", "live", &records).await;
    driver
        .until("return document.querySelectorAll('[data-live] > li').length >= 5")
        .await;
}

/// Takes a picture of the page that is open.
async fn picture(driver: &Driver, (width, whole): (u32, u64)) -> Vec<u8> {
    let clip = json!({"x": 0, "y": 0, "width": width, "height": whole.min(HIGHEST), "scale": 1});
    let params = json!({"clip": clip, "captureBeyondViewport": true});
    let shot = driver.devtools("Page.captureScreenshot", params).await;
    STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes pictures, into the folder CYBEXP_WEB_SHOTS"]
async fn pictures_of_all_pages() {
    let folder = std::env::var_os("CYBEXP_WEB_SHOTS").map(PathBuf::from);
    let folder = folder.expect("CYBEXP_WEB_SHOTS names a folder");
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = fill(Suite::with_networks("pictures").await).await;
    let mut admin = suite.person(ADMIN).await;
    with_subscriptions(&mut admin).await;
    with_the_demo(&suite).await;
    with_a_feed(&suite, &mut admin).await;
    let raw = refused_raw(&suite).await;
    let posted = posted(&suite, &mut admin).await;
    let address = path("/value", &[("type", "ipv4"), ("data", ADDRESS)]);
    let links = admin.get(&address).await.paths();
    let event = links.into_iter().find(|to| to.starts_with("/event?"));
    let at = |page: &str, sub_type: &str, data: &str, more: &[(&str, &str)]| {
        let of = [("type", sub_type), ("data", data)];
        path(page, &[of.as_slice(), more].concat())
    };
    let bot = "http://203.0.113.77/bot.sh";
    let all = [
        ("search", "/".to_owned()),
        ("value", address),
        ("value-deep", at("/value", "url", bot, &[("level", "2")])),
        ("nothing", at("/value", "ipv4", "192.0.2.1", &[])),
        ("session", at("/session", "sessionid", "8d0c0817", &[])),
        ("event", event.unwrap()),
        (
            "list",
            path("/list", &[("type", "ip"), ("text", "203.0.113.0/24")]),
        ),
        ("overview", "/overview".to_owned()),
        ("watch", "/watch".to_owned()),
        ("post", "/post".to_owned()),
        ("posted", posted),
        ("inputs", "/inputs".to_owned()),
        ("quarantine", "/quarantine".to_owned()),
        ("raw", raw),
        ("feeds", "/feeds".to_owned()),
        ("account", "/account".to_owned()),
        (
            "org",
            path("/org", &[("hash", &suite.site.orgid.to_string())]),
        ),
    ];
    for (n, (look, width, height, dark)) in LOOKS.into_iter().enumerate() {
        let keep = async |name: &str| {
            let whole = driver.run("return document.documentElement.scrollHeight");
            let whole = whole.await.as_u64().unwrap();
            let png = picture(&driver, (width, whole)).await;
            std::fs::write(folder.join(format!("{name}-{look}.png")), png).unwrap();
        };
        driver.look(width, height, dark).await;
        driver.client.delete_all_cookies().await.unwrap();
        driver.open(&suite.base, "/sign-in").await;
        keep("sign-in").await;
        sign_in(&suite, &driver).await;
        for (name, page) in &all {
            driver.open(&suite.base, page).await;
            if *name == "watch" {
                with_live_events(&suite, &driver, n).await;
            }
            keep(name).await;
        }
        for page in &SENT {
            page.open(&driver, &suite.base).await;
            keep(page.name).await;
        }
    }
    suite.stop().await;
}
