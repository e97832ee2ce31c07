//! Verdicts on values, and who may give them.

use crate::suite::{ADMIN, STRANGER, Suite, path, session};

const ADDRESS: &str = "203.0.113.9";
const HOSTILE: &str = "<b>our own</b> scanner\u{202e}";

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_judges_a_value_and_takes_it_back() {
    let suite = Suite::start("judging").await;
    let records = session("8d0c0817", ADDRESS, &["admin"], &["uname -a"]);
    suite.have("cowrie", &records, ("ipv4", ADDRESS, 5)).await;
    let mut admin = suite.person(ADMIN).await;
    let page = path("/value", &[("type", "ipv4"), ("data", ADDRESS)]);
    let before = admin.get(&page).await;
    assert!(
        before.text().contains("Give a verdict"),
        "{}",
        before.text()
    );
    assert!(!before.text().contains("false positive, says"));

    let org = suite.site.orgid.to_string();
    let form = |verdict: &str, reason: &str, csrf: String| {
        [
            ("csrf", csrf),
            ("type", "ipv4".to_owned()),
            ("data", ADDRESS.to_owned()),
            ("org", org.clone()),
            ("verdict", verdict.to_owned()),
            ("reason", reason.to_owned()),
        ]
    };
    let judged = admin
        .post("/verdict", &form("false_positive", HOSTILE, before.csrf()))
        .await;
    assert_eq!(judged.status, 303, "{}", judged.text());
    let shown = admin.get(&judged.location).await;
    let text = shown.text();
    for told in [
        "The verdict is given",
        "false positive",
        "says unr",
        "U+202E",
        ADMIN,
        "Withdraw",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!shown.body.contains("<b>our own"), "{}", shown.body);

    // nobody else sees it, or may give one for the organisation
    let mut stranger = suite.person(STRANGER).await;
    let theirs = stranger.get(&page).await;
    assert!(!theirs.text().contains("scanner") && !theirs.text().contains("Give a verdict"));
    let refused = stranger
        .post("/verdict", &form("benign", "mine", theirs.csrf()))
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text());

    // the form says what is wrong with it
    for (verdict, reason) in [("benign", " "), ("excellent", "x")] {
        let wrong = admin
            .post("/verdict", &form(verdict, reason, shown.csrf()))
            .await;
        assert_eq!(wrong.status, 400, "{}", wrong.text());
    }

    let withdrawn = admin
        .post("/verdict", &form("withdrawn", "", shown.csrf()))
        .await;
    assert_eq!(withdrawn.status, 303, "{}", withdrawn.text());
    let text = admin.get(&withdrawn.location).await.text();
    assert!(
        text.contains("The verdict is withdrawn") && !text.contains("scanner"),
        "{text}"
    );
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_no_link_can_name_is_judged_by_its_hash() {
    let suite = Suite::start("judgedhash").await;
    let odd = "evil\u{202e}txt.exe";
    let records = session("8d0c0817", ADDRESS, &["admin"], &[odd]);
    suite.have("cowrie", &records, ("ipv4", ADDRESS, 5)).await;
    let mut admin = suite.person(ADMIN).await;
    let page = admin
        .get(&path("/value", &[("type", "ipv4"), ("data", ADDRESS)]))
        .await;
    let own = page
        .paths()
        .into_iter()
        .find(|path| path.starts_with("/value?hash="))
        .unwrap();
    let hash = own.trim_start_matches("/value?hash=").to_owned();
    let form = [
        ("csrf", page.csrf()),
        ("hash", hash),
        ("org", suite.site.orgid.to_string()),
        ("verdict", "malicious".to_owned()),
        ("reason", "turned around".to_owned()),
    ];
    let judged = admin.post("/verdict", &form).await;
    assert_eq!(judged.status, 303, "{}", judged.text());
    let text = admin.get(&judged.location).await.text();
    assert!(text.contains("turned around"), "{text}");
    suite.stop().await;
}
