//! Every page on a telephone, and under axe-core, light and dark. The pages are those that a walk finds.

use std::path::PathBuf;

use test_needs::Need;

use crate::driver::Driver;
use crate::site::sign_in;
use crate::suite::{ADMIN, Suite};
use crate::walk::{furnish, is_page, walk};

/// The rules of axe-core that are checked.
const RULES: &str = "const done = arguments[arguments.length - 1];\
    axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
    .then(r => done(r.violations.map(v => v.impact + ': ' + v.help + ': ' + v.nodes[0].html)))";

/// A page that only a form leads to.
pub(crate) struct Sent {
    pub(crate) name: &'static str,
    /// The address of the form's page.
    pub(crate) form: &'static str,
    /// The script that fills the form in and sends it.
    script: &'static str,
    /// The script that tells whether the page is there.
    there: &'static str,
}

/// The pages that only forms lead to.
pub(crate) const SENT: [Sent; 3] = [
    Sent {
        name: "many",
        form: "/",
        script: "const box = document.querySelector('#values');\
                 box.value = '203.0.113.9\\n192.0.2.1\\nuname -a'; box.form.requestSubmit()",
        there: "return document.querySelector('h1')?.textContent === '3 values'",
    },
    Sent {
        name: "check",
        form: "/post",
        script: "const box = document.querySelector('#text');\
                 box.value = '{\"ipv4\": \"203.0.113.9\"}'; box.form.requestSubmit()",
        there: "return document.querySelector('button[value=send]') !== null",
    },
    Sent {
        name: "token",
        form: "/feeds",
        script: "const box = document.querySelector('#name');\
                 box.value = 'f' + Date.now(); box.form.requestSubmit()",
        there: "return document.querySelector('h1')?.textContent.startsWith('The token') ?? false",
    },
];

impl Sent {
    /// Sends the form, and waits for its page.
    pub(crate) async fn open(&self, driver: &Driver, base: &str) {
        driver.open(base, self.form).await;
        driver.run(self.script).await;
        driver.until(self.there).await;
        driver.is_complete().await;
    }
}

/// Returns some addresses of every page.
async fn addresses(suite: &Suite, of_each: usize) -> Vec<String> {
    let from = furnish(suite).await;
    let mut person = suite.person(ADMIN).await;
    let walked = walk(&mut person, &from).await;
    let mut addresses = vec!["/no-such-page".to_owned(), "/value".to_owned()];
    for visited in walked.into_values() {
        let pages = visited.into_iter().filter(|(_, answer)| is_page(answer));
        addresses.extend(pages.map(|(address, _)| address).take(of_each));
    }
    assert!(addresses.len() > 20, "{addresses:?}");
    addresses
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_a_telephone() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let suite = Suite::start("telephone").await;
    let pages = addresses(&suite, 3).await;
    driver.look(360, 740, false).await;
    sign_in(&suite, &driver).await;
    let mut wide = Vec::new();
    let mut measure = async |page: &str| {
        let width = driver
            .run("return document.documentElement.scrollWidth")
            .await;
        if width.as_u64().unwrap() > 360 {
            wide.push(format!("{page} is {width} wide"));
        }
    };
    for page in &pages {
        driver.open(&suite.base, page).await;
        measure(page).await;
    }
    for page in &SENT {
        page.open(&driver, &suite.base).await;
        measure(page.name).await;
    }
    assert!(wide.is_empty(), "{wide:#?}");
    suite.stop().await;
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
    let suite = Suite::start("axe").await;
    let pages = addresses(&suite, 2).await;
    let mut found = Vec::new();
    let mut check = async |page: &str, look: &str| {
        driver.run(&axe).await;
        let told = driver.client.execute_async(RULES, vec![]).await.unwrap();
        let told = told.as_array().unwrap().iter();
        found.extend(told.map(|one| format!("{page}, {look}: {}", one.as_str().unwrap())));
    };
    driver.open(&suite.base, "/sign-in").await;
    check("/sign-in", "light").await;
    sign_in(&suite, &driver).await;
    let mut checked = 0;
    for (look, width, dark) in [("light", 1200, false), ("dark, narrow", 390, true)] {
        driver.look(width, 900, dark).await;
        for page in &pages {
            driver.open(&suite.base, page).await;
            check(page, look).await;
            checked += 1;
        }
        for page in &SENT {
            page.open(&driver, &suite.base).await;
            check(page.name, look).await;
            checked += 1;
        }
    }
    println!("axe looked at {checked} pages");
    assert!(found.is_empty(), "{found:#?}");
    suite.stop().await;
}
