//! Pages for admins: quarantine, inputs, feeds.

use cybexp_testkit::eventually;

use crate::suite::{ADMIN, STRANGER, Suite, path};

/// A record that its filter refuses, with markup and a mark that turns text around.
const REFUSED: &str =
    r#"{"eventid": 1, "message": "<script>document.title='broken'</script>\u202e"}"#;
/// Records of one submission, of which the archive cannot hold the second.
const MANY: [&[u8]; 3] = [
    br#"{"ipv4": "203.0.113.9"}"#,
    br#"{"ipv4": 99999999999999999999999}"#,
    br#"{"ipv4": "203.0.113.8"}"#,
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_aside_is_shown_and_tried_again() {
    let suite = Suite::start("quarantine").await;
    let mut person = suite.person(ADMIN).await;
    let page = person.get("/quarantine").await;
    assert!(
        page.text().contains("Nothing is set aside"),
        "{}",
        page.text()
    );

    let mut rubbish = suite.site.submission("cowrie", "");
    rubbish.sealed = b"rubbish".to_vec();
    let many = suite.site.submission_of_many("sighting", &MANY);
    suite.site.cache.submit(&[rubbish, many]).await.unwrap();
    suite.site.submit("cowrie", [REFUSED]).await;
    eventually("all three are set aside", async || {
        let text = person.clone().get("/quarantine").await.text();
        text.matches("choose").count() >= 2
            && text.contains("Refused by a filter")
            && text.contains("Could not be opened or read")
            && text.contains(":2")
    })
    .await;
    let page = person.get("/quarantine").await;
    let records = page.body.matches("type=\"checkbox\"").count();
    assert_eq!(records, 3, "{}", page.text());

    // a raw is shown as text
    let raw = page
        .paths()
        .into_iter()
        .find(|path| path.starts_with("/quarantine/raw"));
    let raw = raw.unwrap();
    let shown = person.get(&raw).await;
    assert!(
        shown.body.contains("&lt;script&gt;document.title"),
        "{}",
        shown.body
    );
    assert!(shown.body.contains("U+202E"), "{}", shown.body);
    let why = |body: &str| {
        body.split("<h2>Why</h2>")
            .nth(1)
            .unwrap()
            .split("</ul>")
            .next()
            .unwrap()
            .to_owned()
    };
    let first = why(&shown.body);

    // nobody else sees or retries it
    let mut stranger = suite.person(STRANGER).await;
    let theirs = stranger.get("/quarantine").await;
    assert!(
        theirs.text().contains("You are an admin of none"),
        "{}",
        theirs.text()
    );
    assert_eq!(stranger.get(&raw).await.status, 404);
    let ids = |page: &crate::suite::Answer, csrf: String| {
        let mut fields = vec![
            ("csrf", csrf),
            ("org", suite.site.orgid.to_string()),
            ("which", "all".to_owned()),
        ];
        let every = page.body.split("name=\"every\" value=\"").skip(1);
        fields.extend(every.map(|rest| ("every", rest.split('"').next().unwrap().to_owned())));
        fields
    };
    let forbidden = stranger
        .post("/quarantine", &ids(&page, theirs.csrf()))
        .await;
    assert_eq!(forbidden.status, 403, "{}", forbidden.text());
    assert_eq!(why(&person.get(&raw).await.body), first);

    let none = [("csrf", page.csrf()), ("org", suite.site.orgid.to_string())];
    assert_eq!(person.post("/quarantine", &none).await.status, 400);
    let again = person.post("/quarantine", &ids(&page, page.csrf())).await;
    assert_eq!(again.status, 303, "{}", again.text());
    let told = person.get(&again.location).await;
    assert!(
        told.text().contains("They are read again"),
        "{}",
        told.text()
    );
    // the filter refuses it anew, at a later time; the others come back, too
    eventually("all are read again", async || {
        let mut person = person.clone();
        let raw = person.get(&raw).await;
        let all = person.get("/quarantine").await;
        raw.status == 200
            && why(&raw.body) != first
            && all.body.matches("type=\"checkbox\"").count() == 3
    })
    .await;
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_collection_is_told_by_source() {
    let suite = Suite::start("inputs").await;
    let mut person = suite.person(ADMIN).await;
    let empty = person.get("/inputs").await;
    assert!(
        empty.text().contains("Nothing was submitted lately"),
        "{}",
        empty.text()
    );
    let mut hostile = suite.site.submission("sighting", "{}");
    hostile.entry.name = "<b>lon\u{202e}don</b>".to_owned();
    let many = suite.site.submission_of_many("sighting", &MANY);
    suite
        .site
        .cache
        .submit(&[hostile, many.clone(), many])
        .await
        .unwrap();
    eventually("all is opened", async || {
        suite.site.records_pending().await == 0
    })
    .await;
    let page = person.get("/inputs").await;
    let text = page.text();
    assert!(page.body.contains("&lt;b&gt;lon"), "{text}");
    assert!(
        text.contains("U+202E") && text.contains("test.json"),
        "{text}"
    );
    // two submissions of three records, none of which waits, and both with one set aside
    let row = page
        .body
        .split("test.json")
        .nth(1)
        .unwrap()
        .split("</tr>")
        .next()
        .unwrap();
    for cell in [
        "<td class=\"n\">2</td>",
        "<td class=\"n\">6</td>",
        "<td class=\"n\">0</td>",
    ] {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    assert!(row.contains("href=\"/quarantine\">2</a>"), "{row}");
    let overview = person.get("/overview").await.text();
    assert!(
        overview.contains("What comes in") && overview.contains("6 records"),
        "{overview}"
    );
    let mut stranger = suite.person(STRANGER).await;
    for path in ["/inputs", "/overview"] {
        let text = stranger.get(path).await.text();
        assert!(!text.contains("test.json"), "{text}");
    }
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_made_read_and_removed() {
    let suite = Suite::start("feeds").await;
    let mut person = suite.person(ADMIN).await;
    let page = person.get("/feeds").await;
    assert!(
        page.text().contains("There is no feed yet"),
        "{}",
        page.text()
    );
    let feed = |name: &str, csrf: String| {
        [
            ("csrf", csrf),
            ("name", name.to_owned()),
            ("description", "<i>bad</i> addresses".to_owned()),
            ("org", suite.site.orgid.to_string()),
            ("sub_type", "ipv4".to_owned()),
            ("sub_type", "url".to_owned()),
            ("context", "malicious".to_owned()),
            ("min_count", "1".to_owned()),
            ("keep_s", "604800".to_owned()),
            ("tlp", "green".to_owned()),
        ]
    };
    let wrong = person.post("/feeds", &feed("No Name", page.csrf())).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let added = person.post("/feeds", &feed("blocklist", page.csrf())).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let token = |page: &crate::suite::Answer| {
        let rest = page
            .body
            .split("<pre")
            .nth(1)
            .unwrap()
            .split("bdi>")
            .nth(1)
            .unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let first = token(&added);
    assert!(first.len() >= 32, "{first}");
    let page = person.get("/feeds").await;
    let text = page.text();
    assert!(
        page.body.contains("&lt;i&gt;bad&lt;/i&gt; addresses"),
        "{text}"
    );
    for told in ["blocklist", "green", "7 d", "/feeds/blocklist.txt"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!page.body.contains(&first), "a token is shown once");

    // it reads the feed, and no more once there is another one
    let file = page.body.split("/feeds/blocklist.txt").next().unwrap();
    let api = file.rsplit("http://").next().unwrap();
    let file = format!("http://{api}/feeds/blocklist.txt");
    let http = reqwest::Client::new();
    let read = async |token: &str| {
        let request = http.get(&file).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(read(&first).await, 200, "{file}");
    let change = |what: &str, csrf: String| {
        [
            ("csrf", csrf),
            ("name", "blocklist".to_owned()),
            ("what", what.to_owned()),
        ]
    };
    let other = person
        .post("/feeds/change", &change("token", page.csrf()))
        .await;
    let second = token(&other);
    assert_ne!(first, second);
    assert_eq!((read(&first).await, read(&second).await), (401, 200));

    let mut stranger = suite.person(STRANGER).await;
    let theirs = stranger.get("/feeds").await;
    assert!(!theirs.text().contains("blocklist"), "{}", theirs.text());
    let denied = stranger
        .post("/feeds/change", &change("remove", theirs.csrf()))
        .await;
    assert_eq!(denied.status, 403, "{}", denied.text());
    let removed = person
        .post("/feeds/change", &change("remove", page.csrf()))
        .await;
    assert_eq!(removed.status, 303, "{}", removed.text());
    assert!(
        !person
            .get(&removed.location)
            .await
            .text()
            .contains("blocklist.txt")
    );
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_are_posted_in_one_submission() {
    let suite = Suite::start("many").await;
    let mut person = suite.person(ADMIN).await;
    let csrf = person.get("/post").await.csrf();
    let mut lines: Vec<String> = (0..300)
        .map(|n| {
            format!(
                "{{\"ipv4\": \"203.0.113.{}\", \"comment\": \"{n}\"}}",
                n % 250
            )
        })
        .collect();
    // the archive cannot hold this one
    lines[249] = String::from_utf8(MANY[1].to_vec()).unwrap();
    let text = lines.join("\n");
    let parts: [(&str, Option<&str>, &[u8]); 2] = [
        ("csrf", None, csrf.as_bytes()),
        ("file", Some("many.json"), text.as_bytes()),
    ];
    let check = person.upload("/post", &parts).await;
    let send = [
        ("csrf", csrf),
        ("id", check.value_of("id")),
        ("typetag0", "sighting".to_owned()),
        ("lines0", "yes".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("org", suite.site.orgid.to_string()),
        ("do", "send".to_owned()),
    ];
    let sent = person.post("/post/send", &send).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    eventually("all is archived, but for the bad one", async || {
        let text = person.clone().get(&sent.location).await.text();
        text.contains("taken by the API300") && text.contains("many.json, record 250set aside")
    })
    .await;
    let orgs = [suite.site.orgid.to_string()];
    let entries = suite.site.cache.recent(&orgs, 10).await.unwrap();
    assert_eq!((entries.len(), entries[0].records), (1, Some(300)));
    let find = path("/value", &[("type", "ipv4"), ("data", "203.0.113.7")]);
    person.finds(&find).await;
    suite.stop().await;
}

/// The path of a raw in quarantine, once there is one.
pub(crate) async fn refused_raw(suite: &Suite) -> String {
    suite.site.submit("cowrie", [REFUSED]).await;
    let found = async || {
        let page = suite.person(ADMIN).await.get("/quarantine").await;
        let mut paths = page.paths().into_iter();
        paths.find(|path| path.starts_with("/quarantine/raw"))
    };
    eventually("a raw is set aside", async || found().await.is_some()).await;
    found().await.unwrap()
}
