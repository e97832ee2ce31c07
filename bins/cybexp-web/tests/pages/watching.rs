//! Live events, and subscriptions.

use cybexp_testkit::eventually;
use fantoccini::Locator;

use crate::driver::Driver;
use crate::suite::{ADMIN, PASSWORD, STRANGER, Suite, path};

const ADDRESS: &str = "203.0.113.9";
const SIGHTING: &str = r#"{"ipv4": "203.0.113.9", "category": "malicious", "comment": "<img src=x onerror=\"document.title='broken'\">\u202e"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_watched_and_told_of() {
    let suite = Suite::start("watching").await;
    let mut person = suite.person(ADMIN).await;
    let value = path("/value", &[("type", "ipv4"), ("data", ADDRESS)]);
    let page = person.get(&value).await;
    assert!(page.body.contains(">Watch</button>"), "{}", page.text());
    let csrf = page.csrf();
    let fields = |more: &[(&'static str, &str)]| {
        let mut fields = vec![("csrf", csrf.clone())];
        fields.extend(more.iter().map(|(name, text)| (*name, (*text).to_owned())));
        fields
    };
    let of_value = [
        ("what", "value"),
        ("type", "ipv4"),
        ("data", ADDRESS),
        ("back", "value"),
    ];
    let watched = person.post("/watch", &fields(&of_value)).await;
    assert_eq!(watched.status, 303, "{}", watched.text());
    let back = person.get(&watched.location).await;
    assert!(
        back.text().contains("You watch this value"),
        "{}",
        back.text()
    );
    let of_events = [
        ("what", "events"),
        ("sub_type", "shell_command"),
        ("name", "<b>typed\u{202e}</b>"),
    ];
    assert_eq!(person.post("/watch", &fields(&of_events)).await.status, 303);
    for wrong in [
        vec![("what", "events")],
        vec![("what", "value"), ("data", " ")],
        vec![("what", "value"), ("data", ADDRESS), ("channel", "webhook")],
        vec![("what", "remove"), ("id", "../feeds")],
        vec![("what", "none")],
    ] {
        let answer = person.post("/watch", &fields(&wrong)).await;
        assert_eq!(answer.status, 400, "{wrong:?} {}", answer.text());
    }

    suite
        .submit_now("sighting", "a", &[SIGHTING.as_bytes()])
        .await;
    eventually("it is told", async || {
        let body = person.clone().get("/watch").await.body;
        let told = body.split("id=\"notices\"").nth(1).unwrap_or_default();
        let told = told.split("</section>").next().unwrap_or_default();
        told.contains("<li>") && told.contains(ADDRESS)
    })
    .await;
    let page = person.get("/watch").await;
    assert!(
        page.body.contains("&lt;b&gt;typed") && page.body.contains("U+202E"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<img"), "{}", page.body);

    let mut stranger = suite.person(STRANGER).await;
    let theirs = stranger.get("/watch").await;
    assert!(!theirs.text().contains(ADDRESS), "{}", theirs.text());
    let id = page.value_of("id");
    let remove = |csrf: String| {
        vec![
            ("csrf", csrf),
            ("what", "remove".to_owned()),
            ("id", id.clone()),
        ]
    };
    assert_eq!(
        stranger.post("/watch", &remove(theirs.csrf())).await.status,
        400
    );
    let removed = person.post("/watch", &remove(csrf.clone())).await;
    assert_eq!(removed.status, 303, "{}", removed.text());
    let page = person.get(&removed.location).await;
    assert!(!page.body.contains(&id), "{}", page.body);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_events_appear_while_somebody_looks() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = Suite::start("live").await;
    driver.open(&suite.base, "/watch").await;
    driver.fill("email", ADMIN).await;
    driver.fill("password", PASSWORD).await;
    driver.click(Locator::Css("button.main")).await;
    let says = |text: &str| {
        format!(
            "return document.querySelector('[data-live-state]')?.textContent.startsWith('{text}') ?? false"
        )
    };
    driver.until(&says("Listening")).await;
    // whatever comes in once the page says that it listens is shown
    suite
        .submit_now("sighting", "a", &[SIGHTING.as_bytes()])
        .await;
    // another event may come after it
    let shown = "return [...document.querySelectorAll('ol.live[data-live] a.value')].some(a => a.textContent === '203.0.113.9')";
    driver.until(shown).await;
    let coloured = driver
        .run("return document.querySelector('ol.live[data-live] .tag.f-address')?.textContent")
        .await;
    assert_eq!(coloured, serde_json::json!("ipv4"));
    let broken = driver
        .run("return document.images.length + document.title.includes('broken')")
        .await;
    assert_eq!(broken, serde_json::json!(0));

    // nothing is listened to while nobody looks
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});\
             document.dispatchEvent(new Event('visibilitychange')); return true"
        )
    };
    driver.run(&hide(true)).await;
    driver.until(&says("Paused")).await;
    driver.run(&hide(false)).await;
    driver.until(&says("Listening")).await;
    // a stream that is open does not hold up the end
    suite.stop().await;
}
