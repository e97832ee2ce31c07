//! Looking: search, value, event, session, export.

use cybexp_testkit::eventually;

use crate::suite::{ADMIN, STRANGER, Suite, path, session};

const ADDRESS: &str = "203.0.113.9";

async fn filled(name: &str) -> Suite {
    let suite = Suite::start(name).await;
    let mut records = session(
        "8d0c0817",
        ADDRESS,
        &["123456", "123456", "admin"],
        &["uname -a", "cat /proc/cpuinfo"],
    );
    records.extend(session(
        "9e1d1928",
        "198.51.100.7",
        &["admin"],
        &["uname -a"],
    ));
    suite.have("cowrie", &records, ("ipv4", ADDRESS, 8)).await;
    suite
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_shows_counts_neighbours_graph_events_and_rank() {
    let suite = filled("value").await;
    let mut person = suite.person(ADMIN).await;
    let search = person
        .get(&path("/search", &[("q", "203[.]0[.]113[.]9")]))
        .await;
    assert_eq!(search.status, 303);
    let page = person.get(&search.location).await;
    let text = page.text();
    assert!(text.contains("Taken for ipv4"), "{text}");
    // all eight are of the honeypot, so malicious, but for the connection and the client's version
    assert!(page.body.contains("<dt>events</dt><dd>8</dd>"), "{text}");
    for shown in [
        "When it was seen",
        "8 events from 2026-11-20",
        "ThreatRank",
        "What is known of it",
        "203.0.113.0/24",
        "http://203.0.113.77/bot.sh",
        "uname -a",
        "123456",
        "SSH-2.0-Go",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(
        page.body.contains("<svg class=\"graph\"")
            && page
                .body
                .contains("<title>url: http://203.0.113.77/bot.sh</title>")
    );
    // the same question gives the same picture
    let svg = |body: &str| {
        body.split("<svg class=\"graph\"")
            .nth(1)
            .unwrap()
            .split("</svg>")
            .next()
            .unwrap()
            .to_owned()
    };
    let again = person.get(&search.location).await;
    assert_eq!(svg(&page.body), svg(&again.body));

    // deeper: the session, and what it holds
    let deeper = person
        .get(&path(
            "/value",
            &[
                ("type", "url"),
                ("data", "http://203.0.113.77/bot.sh"),
                ("level", "2"),
            ],
        ))
        .await;
    let text = deeper.text();
    assert!(
        text.contains("Sessions") && text.contains("8d0c0817") && text.contains("9e1d1928"),
        "{text}"
    );

    // narrowed
    let none = person
        .get(&path(
            "/value",
            &[("type", "ipv4"), ("data", ADDRESS), ("category", "benign")],
        ))
        .await;
    assert!(
        none.text().contains("under these conditions"),
        "{}",
        none.text()
    );
    let unknown = person
        .get(&path("/value", &[("type", "no_such_type"), ("data", "x")]))
        .await;
    assert!(unknown.text().contains("sub_type"), "{}", unknown.text());
    assert_eq!(person.get("/value?type=ipv4").await.status, 400);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_a_session_are_told() {
    let suite = filled("story").await;
    let mut person = suite.person(ADMIN).await;
    let page = person
        .get(&path(
            "/session",
            &[("type", "sessionid"), ("data", "8d0c0817")],
        ))
        .await;
    let text = page.text();
    for told in [
        "connected to port 22 by ssh",
        "said that its client is SSH-2.0-Go",
        "tried the password 123456 as root, and was refused (2 times)",
        "tried the password admin as root, and was let in",
        "typed uname -a",
        "fetched http://203.0.113.77/bot.sh (sha256 abababababababab…)",
        "london",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let event = page
        .paths()
        .into_iter()
        .rfind(|path| path.starts_with("/event?"))
        .unwrap();
    let shown = person.get(&event).await;
    let text = shown.text();
    assert_eq!(shown.status, 200, "{text}");
    for told in [
        "file_download",
        "malicious",
        "bot.sh",
        "ThreatRank",
        "8d0c0817",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    // by its hash alone, the API tells how threatening the event is, but not what is in it
    let id = event
        .split("id=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let alone = person.get(&path("/event", &[("id", id)])).await;
    assert_eq!(alone.status, 200);
    let text = alone.text();
    assert!(text.contains("only by one of its values"), "{text}");
    assert!(text.contains("ThreatRank-1.0000"), "{text}");
    assert_eq!(
        person
            .get(&path("/event", &[("id", &"0".repeat(64))]))
            .await
            .status,
        404
    );
    assert_eq!(
        person.get("/session?type=sessionid&data=none").await.status,
        404
    );
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_values_are_asked_for_at_once() {
    let suite = filled("many").await;
    let mut person = suite.person(ADMIN).await;
    let typed = format!(
        "# a comment\n{ADDRESS}\nhxxp://203.0.113[.]77/bot.sh\n\n192.0.2.200\nno such command\n"
    );
    let fields = [("csrf", person.get("/").await.csrf()), ("q", typed)];
    let page = person.post("/search", &fields).await;
    let text = page.text();
    assert_eq!(page.status, 200);
    assert!(text.contains("4 values"), "{text}");
    for row in [
        "203.0.113.9</bdi></a></td><td><span class=\"tag f-address\"><bdi>ipv4</bdi></span></td><td class=\"n\">8</td>",
        "no such command</bdi></a></td><td><span class=\"tag f-behaviour\"><bdi>shell_command</bdi></span></td><td class=\"n\">0</td>",
    ] {
        assert!(page.body.contains(row), "{row}: {}", page.body);
    }
    let one = person
        .post(
            "/search",
            &[fields[0].clone(), ("q", " 198.51.100.7 \n".to_owned())],
        )
        .await;
    assert_eq!(
        one.location,
        "/value?type=ipv4&data=198.51.100.7&searched=text"
    );
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_taken_away_as_a_file() {
    let suite = filled("export").await;
    let mut person = suite.person(ADMIN).await;
    let of = |form: &str| {
        path(
            "/value/export",
            &[("type", "ipv4"), ("data", ADDRESS), ("form", form)],
        )
    };
    let csv = person.get(&of("csv")).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert!(
        csv.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert!(
        csv.body.starts_with("sub_type,value,events,malicious\n"),
        "{}",
        csv.body
    );
    assert!(csv.body.contains("\npassword,123456,2,2\n"), "{}", csv.body);
    let json: serde_json::Value =
        serde_json::from_str(&person.get(&of("json")).await.body).unwrap();
    assert_eq!(json["total"], 8);
    let svg = person.get(&of("svg")).await;
    assert!(
        svg.body.starts_with("<?xml") && svg.body.contains("bot.sh"),
        "{}",
        svg.body
    );
    assert_eq!(person.get(&of("exe")).await.status, 400);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organisations_user_sees_nothing() {
    let suite = filled("stranger").await;
    let event = {
        let mut admin = suite.person(ADMIN).await;
        let page = admin
            .get(&path("/value", &[("type", "ipv4"), ("data", ADDRESS)]))
            .await;
        page.paths()
            .into_iter()
            .find(|path| path.starts_with("/event?"))
            .unwrap()
    };
    let mut stranger = suite.person(STRANGER).await;
    let page = stranger
        .get(&path(
            "/value",
            &[("type", "ipv4"), ("data", ADDRESS), ("level", "3")],
        ))
        .await;
    assert!(
        page.text()
            .contains("No event that you may see holds this value"),
        "{}",
        page.text()
    );
    for told in ["uname", "123456", "bot.sh", "8d0c0817", "<svg"] {
        assert!(!page.body.contains(told), "{told}");
    }
    assert_eq!(stranger.get(&event).await.status, 404);
    let session = path("/session", &[("type", "sessionid"), ("data", "8d0c0817")]);
    assert_eq!(stranger.get(&session).await.status, 404);
    let export = path(
        "/value/export",
        &[("type", "ipv4"), ("data", ADDRESS), ("form", "json")],
    );
    assert!(!stranger.get(&export).await.body.contains("uname"));
    assert!(
        stranger
            .get("/post")
            .await
            .text()
            .contains("You are an admin of none")
    );
    let org = path("/org", &[("hash", &suite.site.orgid.to_string())]);
    assert_eq!(stranger.get(&org).await.status, 403);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_category_of_an_event_is_changed_by_its_admins() {
    let suite = filled("category").await;
    let mut admin = suite.person(ADMIN).await;
    let url = path(
        "/value",
        &[("type", "url"), ("data", "http://203.0.113.77/bot.sh")],
    );
    let value = admin.get(&url).await;
    let event = value
        .paths()
        .into_iter()
        .find(|path| path.starts_with("/event?"))
        .unwrap();
    let before = admin.get(&event).await;
    assert!(
        before.text().contains("Change its category"),
        "{}",
        before.text()
    );
    let field = |name: &str| (name.to_owned(), before.value_of(name));
    let mut fields: Vec<(String, String)> = ["csrf", "id", "at", "org", "type", "data"]
        .map(field)
        .into();
    fields.push(("category".to_owned(), "benign".to_owned()));
    fields.push(("reason".to_owned(), "a scan that we ordered".to_owned()));
    let fields: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let changed = admin.post("/event/category", &fields).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
    let after = admin.get(&changed.location).await;
    assert!(
        after.text().contains("The category is changed")
            && after.body.contains("c-benign\"><bdi>benign"),
        "{}",
        after.body
    );
    let mut stranger = suite.person(STRANGER).await;
    let mut theirs = fields.clone();
    theirs[0].1 = stranger.get("/account").await.csrf();
    let refused = stranger.post("/event/category", &theirs).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_behaves_alike_is_told() {
    let suite = filled("alike").await;
    let more = session("ffff0000", "198.51.100.8", &["root"], &["uname -a"]);
    suite
        .have("cowrie", &more, ("ipv4", "198.51.100.8", 5))
        .await;
    let mut person = suite.person(ADMIN).await;
    let page = path("/session", &[("type", "sessionid"), ("data", "ffff0000")]);
    // a session is compared once it has settled
    eventually("the sessions have behaviours", async || {
        let text = person.clone().get(&page).await.text();
        text.contains("The same behaviour elsewhere") && text.contains("9e1d1928")
    })
    .await;
    let shown = person.get(&page).await;
    assert!(
        !shown.text().contains("8d0c0817"),
        "it typed something else: {}",
        shown.text()
    );
    let behaviour = shown
        .paths()
        .into_iter()
        .find(|path| path.contains("type=behaviour"))
        .unwrap();
    let text = person.get(&behaviour).await.text();
    assert!(
        text.contains("9e1d1928") && text.contains("ffff0000"),
        "{text}"
    );
    let address = path("/value", &[("type", "ipv4"), ("data", "198.51.100.7")]);
    assert!(person.get(&address).await.text().contains("behaves as"));
    for form in ["csv", "json"] {
        let export = page.replace("/session?", "/session/export?") + "&form=" + form;
        let file = person.get(&export).await;
        assert_eq!(file.status, 200, "{}", file.body);
        assert!(file.body.contains("uname -a"), "{}", file.body);
    }
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_who_attacks_and_what_is_new() {
    let suite = filled("overview").await;
    let mut person = suite.person(ADMIN).await;
    let page = person.get("/overview").await;
    let text = page.text();
    for told in [
        "Attackers",
        ADDRESS,
        "Passwords",
        "123456",
        "Commands",
        "uname -a",
        "203.0.0.0/16",
        "Seen for the first time",
        "http://203.0.113.77/bot.sh",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(
        page.body.contains("<svg class=\"f-address\""),
        "{}",
        page.body
    );
    let csv = person.get("/overview/export?form=csv").await;
    assert!(
        csv.body.contains("Passwords,password,123456,2"),
        "{}",
        csv.body
    );

    let network = person
        .get(&path("/search", &[("q", "203.0.113.0/24")]))
        .await;
    let listed = person.get(&network.location).await;
    let text = listed.text();
    assert!(
        text.contains(ADDRESS) && !text.contains("198.51.100.7"),
        "{text}"
    );
    let mut stranger = suite.person(STRANGER).await;
    let text = stranger.get("/overview").await.text();
    assert!(!text.contains(ADDRESS) && !text.contains("uname"), "{text}");
    suite.stop().await;
}
