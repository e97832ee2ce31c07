//! Nobody is made a member of an organisation unasked, and members may leave.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{is, start};
use cybexp_testkit::{Answer, Api, Site};
use serde_json::{Value, json};
use tahoe_core::{Membership, Org, User};

const PASSWORD: &str = "correct horse battery staple";
const ADDED: &str = "User/s successfully added!";
const NO_ADMIN: &str = "You are not an admin of this org!";

struct People {
    site: Site,
    api: Api,
    admin: String,
    ann: User,
    anns: String,
}

async fn people(name: &str) -> People {
    let (site, api) = start(name, json!({})).await;
    let ann = site.add_user("ann@example.com", PASSWORD).await;
    let (admin, anns) = (site.token(&site.user().await), site.token(&ann));
    People {
        site,
        api,
        admin,
        ann,
        anns,
    }
}

impl People {
    /// The admin's request to add Ann, or to delete her.
    async fn change(&self, path: &str, how: &str, membership: &str) -> Answer {
        let mut body = json!({"org_hash": self.site.orgid, "user": self.ann.hash()});
        body[how] = json!(membership);
        self.api.post(path, Some(&self.admin), &body).await
    }

    async fn add(&self, membership: &str) -> Answer {
        self.change("/org/add/user", "add_to", membership).await
    }

    async fn del(&self, membership: &str) -> Answer {
        self.change("/org/del/user", "del_from", membership).await
    }

    /// Ann's request about the organisation.
    async fn ann(&self, path: &str) -> Answer {
        let body = json!({"org_hash": self.site.orgid});
        self.api.post(path, Some(&self.anns), &body).await
    }

    async fn invitations(&self) -> Vec<Value> {
        let answer = self.api.get("/user/invitations", Some(&self.anns)).await;
        answer.json()["result"].as_array().unwrap().clone()
    }

    async fn org(&self) -> Org {
        let org = self.site.identity.org(self.site.orgid).await;
        org.unwrap().unwrap()
    }

    /// The members of the organisation, as its admin is told.
    async fn told(&self) -> String {
        let body = json!({"org_hash": self.site.orgid});
        let answer = self.api.post("/org/info", Some(&self.admin), &body).await;
        assert_eq!(answer.status, 200);
        answer.body
    }
}

#[tokio::test]
async fn a_user_joins_by_accepting() {
    let p = people("joins").await;
    // as the Python API answers, for its clients look at the text
    for membership in ["acl", "admin", "user"] {
        is(&p.add(membership).await, 201, ADDED);
    }
    let org = p.org().await;
    assert!(!org.is_user(p.ann.hash()) && !org.acl().contains(&p.ann.hash()));
    assert!(
        !p.told().await.contains("ann@example.com"),
        "her address is hers"
    );
    let access = p.site.identity.access(&p.ann.hash().to_string()).await;
    assert_eq!(
        access.unwrap(),
        cybexp_store::Access::Orgs(cybexp_store::Visible(vec![]))
    );

    let invited = p.invitations().await;
    assert_eq!(invited.len(), 1);
    assert_eq!(
        (&invited[0]["orgname"], &invited[0]["membership"]),
        (&json!("unr"), &json!("user"))
    );
    is(
        &p.ann("/user/invitations/accept").await,
        200,
        "You have joined the organisation!",
    );
    assert!(p.org().await.is_user(p.ann.hash()));
    assert!(p.told().await.contains("ann@example.com"));
    assert!(p.invitations().await.is_empty());
    is(
        &p.ann("/user/invitations/accept").await,
        400,
        "This org has not invited you!",
    );
    is(
        &p.add("user").await,
        400,
        "user ann@example.com is already in the organisation",
    );
    // who belongs to it has agreed to be managed by its admins
    is(&p.add("admin").await, 201, ADDED);
    assert!(p.org().await.is_admin(p.ann.hash()));
}

#[tokio::test]
async fn an_invitation_is_declined_or_taken_back() {
    let p = people("declines").await;
    is(&p.add("user").await, 201, ADDED);
    is(
        &p.ann("/user/invitations/decline").await,
        200,
        "The invitation is declined!",
    );
    for path in ["/user/invitations/decline", "/user/invitations/accept"] {
        is(&p.ann(path).await, 400, "This org has not invited you!");
    }
    is(&p.add("user").await, 201, ADDED);
    is(&p.del("all").await, 201, "User/s successfully deleted!");
    assert!(p.invitations().await.is_empty());
    is(
        &p.del("user").await,
        400,
        &format!("user {} is not in the organisation", p.ann.hash()),
    );
    // a guest who is invited loses both
    let ann = std::slice::from_ref(&p.ann);
    let guest = |org: &Org| org.add(Membership::Acl, ann);
    p.site
        .identity
        .change_org(p.site.orgid, guest)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    is(&p.add("user").await, 201, ADDED);
    is(&p.del("all").await, 201, "User/s successfully deleted!");
    assert!(!p.org().await.acl().contains(&p.ann.hash()));
    assert!(p.invitations().await.is_empty());
}

#[tokio::test]
async fn whoever_is_in_an_organisation_may_leave_it() {
    let p = people("leaves").await;
    let ann = std::slice::from_ref(&p.ann);
    let none = "You do not belong to this org!";
    is(&p.ann("/org/leave").await, 400, none);
    for membership in [Membership::Acl, Membership::User, Membership::Admin] {
        let join = |org: &Org| org.add(membership, ann);
        p.site
            .identity
            .change_org(p.site.orgid, join)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        is(
            &p.ann("/org/leave").await,
            200,
            "You have left the organisation!",
        );
        let org = p.org().await;
        assert!(!org.is_user(p.ann.hash()) && !org.acl().contains(&p.ann.hash()));
    }
    let body = json!({"org_hash": p.site.orgid});
    let last = p.api.post("/org/leave", Some(&p.admin), &body).await;
    is(&last, 400, "the last admin of an organisation stays");
    let unknown = json!({"org_hash": "0".repeat(64)});
    is(
        &p.api.post("/org/leave", Some(&p.anns), &unknown).await,
        400,
        none,
    );
}

#[tokio::test]
async fn nobody_learns_which_organisations_there_are() {
    let p = people("oracle").await;
    for (path, more) in [
        ("/org/info", json!({})),
        (
            "/org/add/user",
            json!({"user": p.ann.hash(), "add_to": "user"}),
        ),
        (
            "/org/del/user",
            json!({"user": p.ann.hash(), "del_from": "user"}),
        ),
    ] {
        let answers = async |org: Value| {
            let mut body = more.clone();
            body["org_hash"] = org;
            p.api.post(path, Some(&p.anns), &body).await
        };
        let (there, nowhere) = (
            answers(json!(p.site.orgid)).await,
            answers(json!("0".repeat(64))).await,
        );
        assert_eq!(there, nowhere, "{path}");
        is(&there, 401, NO_ADMIN);
    }
}
