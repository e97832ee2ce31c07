//! The pages in a real browser: with scripts and without.

use fantoccini::Locator;
use serde_json::json;

use crate::driver::Driver;
use crate::site::{ADDRESS, filled, sign_in};
use crate::suite::{ADMIN, PASSWORD, path};

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_looks_around() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = filled("browser").await;
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
    driver.until("return document.querySelector('h1').textContent.includes('198[.]51.100.3') && document.querySelector('svg.graph') !== null && document.readyState === 'complete'").await;

    // a node of the graph leads on
    let script = "const a = [...document.querySelectorAll('svg.graph a')].find(a => a.querySelector('title').textContent.startsWith('url: http://203.0.113.77/bot.sh'));\
                  a.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})); return a.getAttribute('href')";
    let href = driver.run(script).await;
    assert!(
        href.as_str().unwrap().starts_with("/value?type=url"),
        "{href}"
    );
    driver.until("return location.search.includes('bot.sh') && document.querySelector('svg.graph') !== null && document.readyState === 'complete'").await;

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
    let session = path("/session", &[("type", "sessionid"), ("data", "8d0c0817")]);
    driver.open(&suite.base, &session).await;
    assert_eq!(
        driver
            .run("return document.querySelectorAll('.story > li').length > 7")
            .await,
        json!(true)
    );
    assert_eq!(driver.run("return document.images.length").await, json!(0));
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
    driver.open(&suite.base, "/").await;
    driver.fill("email", ADMIN).await;
    driver.fill("password", PASSWORD).await;
    driver.click(Locator::Css("button.main")).await;
    driver.fill("values", ADDRESS).await;
    driver.click(Locator::Css("main button.main")).await;
    driver.element(Locator::Css("svg.graph a")).await;

    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    let record = r#"{"url": "http://posted.example/by-hand", "category": "malicious"}"#;
    std::fs::write(file.path(), record).unwrap();
    driver.open(&suite.base, "/post").await;
    let upload = file.path().display().to_string();
    driver.fill("files", &upload).await;
    driver.click(Locator::Css("main button.main")).await;
    let send = driver.element(Locator::Css("button[value=send]")).await;
    let source = client.source().await.unwrap();
    assert!(
        source.contains("<option value=\"sighting\" selected"),
        "{source}"
    );
    send.click().await.unwrap();
    // the page loads itself until all is archived
    driver
        .element(Locator::XPath("//span[text()='in the archive']"))
        .await;
    driver
        .click(Locator::LinkText("http://posted.example/by-hand"))
        .await;
    suite.stop().await;
}
