//! The merchant's dashboard: who is let in, what the pages do, and that the books reconcile.

use std::os::unix::fs::PermissionsExt as _;

use protocol::Protocol;
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::{Value, json};

use super::api::paid_order;
use super::shopper::Shopper;
use super::town::Town;

const PASSWORD: &str = "enterprise-1701";

/// A browser with a cookie.
struct Browser {
    client: Client,
    till: String,
    cookie: String,
    token: String,
}

/// A town whose till has a dashboard.
async fn town() -> (Town, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a change of mode");
    // Leaked once a test: the arguments of the till live as long as the town.
    let file: &'static str = Box::leak(file.display().to_string().into_boxed_str());
    (Town::new(Protocol::V2, &["--dashboard-password-file", file]).await, folder)
}

fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().expect("a client")
}

impl Browser {
    async fn logged_in(town: &Town) -> Self {
        let (client, till) = (client(), town.till.clone());
        let answer = log_in(&client, &till, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let set = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/dashboard"),
            "{set}"
        );
        let cookie = set.split(';').next().expect("a cookie").to_owned();
        let mut browser = Self { client, till, cookie, token: String::new() };
        let (_, page) = browser.get("/dashboard").await;
        let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        token.expect("a token").clone_into(&mut browser.token);
        browser
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.till)).header("cookie", &self.cookie);
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("a page"))
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)], site: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.till)).header("cookie", &self.cookie);
        let request =
            request.header("sec-fetch-site", site).header("content-type", "application/x-www-form-urlencoded");
        request.body(form(fields)).send().await.expect("an answer")
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let fields = [&[("token", self.token.as_str())], fields].concat();
        let answer = self.send(path, &fields, "same-origin").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        answer.headers()["location"].to_str().expect("text").to_owned()
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn log_in(client: &Client, till: &str, password: &str) -> Response {
    let request = client.post(format!("{till}/dashboard/login"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.body(form(&[("password", password)])).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_merchant_is_let_in() {
    let (town, _folder) = town().await;
    let client = client();
    for path in ["/dashboard", "/dashboard/payments", "/dashboard/export.csv", "/dashboard/settlements"] {
        let answer = client.get(format!("{}{path}", town.till)).send().await.expect("an answer");
        assert_eq!(
            (answer.status(), answer.headers()["location"].to_str().ok()),
            (StatusCode::SEE_OTHER, Some("/dashboard/login"))
        );
    }
    let browser = Browser::logged_in(&town).await;
    let (status, page) = browser.get("/dashboard").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!page.contains("<script"), "no scripts");
    // A word that another page cannot know, a site that is not ours, no word at all: nothing happens.
    let right = browser.token.clone();
    for (token, site) in
        [("paycash_guess", "same-origin"), (right.as_str(), "cross-site"), (right.as_str(), "same-site")]
    {
        let answer = browser.send("/dashboard/settlements", &[("token", token)], site).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{site}");
    }
    let answer = browser.send("/dashboard/settlements", &[], "same-origin").await;
    assert!(answer.status().is_client_error());
    // Logged out is out, and the cookie is worth nothing any more.
    browser.post("/dashboard/logout", &[]).await;
    assert_eq!(browser.get("/dashboard").await.0, StatusCode::SEE_OTHER);
    // Neither password nor cookie stand in the books.
    for file in ["till.sqlite", "till.sqlite-wal"] {
        let bytes = std::fs::read(town.till_folder().join(file)).unwrap_or_default();
        for secret in [PASSWORD, browser.cookie.split('=').nth(1).expect("a value")] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
    // Five wrong passwords close the door, even to the right one.
    for _ in 0..5 {
        assert_eq!(log_in(&client, &town.till, "not the password").await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(log_in(&client, &town.till, PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_pages_and_a_program_problems() {
    let (town, _folder) = town().await;
    let browser = Browser::logged_in(&town).await;
    let ask = async |accept: &str, language: &str| {
        let request = browser.client.get(format!("{}/dashboard/orders/none", town.till)).header("accept", accept);
        let request = request.header("cookie", &browser.cookie).header("accept-language", language);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.headers().contains_key("content-security-policy"));
        let media = answer.headers()["content-type"].to_str().expect("a text").to_owned();
        (media, answer.text().await.expect("a text"))
    };
    let (media, page) = ask("text/html,*/*;q=0.8", "en").await;
    assert!(media.starts_with("text/html") && page.contains("no such order"), "{page}");
    let (_, page) = ask("text/html", "de").await;
    assert!(page.contains("lang=\"de\"") && page.contains("gibt es nicht"), "{page}");
    let (media, problem) = ask("*/*", "en").await;
    assert!(media == "application/problem+json" && problem.contains("order-unknown"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_password_there_is_no_dashboard() {
    let town = Town::new(Protocol::V2, &[]).await;
    let answer = client().get(format!("{}/dashboard/login", town.till)).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(log_in(&client(), &town.till, "").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_at_the_till() {
    let (town, _folder) = town().await;
    let mut shopper = Shopper::with(&town, "brianb", "70.00").await;
    let order = paid_order(&town, &mut shopper, "42.50").await;
    let nasty = json!({ "amount": "usd 1.00", "note": "<script>alert(1)</script>", "reference": "=1+1\"<b>%" });
    let (_, placed) = town.post_order(&nasty).await;
    let nasty = placed["order-id"].as_str().expect("an id").to_owned();
    let browser = Browser::logged_in(&town).await;

    // Search and status; what people wrote is text, and `%` stands for itself.
    let (_, page) = browser.get("/dashboard?q=%25").await;
    assert!(page.contains(&nasty) && !page.contains(&order));
    assert!(page.contains("=1+1&quot;&lt;b&gt;%") && !page.contains("<b>%"));
    let (_, page) = browser.get("/dashboard?status=paid").await;
    assert!(page.contains(&order) && !page.contains(&nasty));
    let (_, page) = browser.get("/dashboard?from=2000-01-01&to=2000-01-02").await;
    assert!(!page.contains(&order));
    let (_, page) = browser.get(&format!("/dashboard/orders/{nasty}")).await;
    assert!(!page.contains("<script>alert"), "{page}");

    // A refund, once, however often the button is pressed.
    let path = format!("/dashboard/orders/{order}/refund");
    let fields = [("once", "press-1"), ("amount", "2,50"), ("note", "one shoe was missing")];
    for _ in 0..2 {
        assert!(browser.post(&path, &fields).await.ends_with("done=till-done-refund"));
    }
    assert!(browser.post(&path, &[("once", "press-2"), ("amount", "40.01")]).await.ends_with("done=till-failed"));
    let (_, page) = browser.get(&format!("/dashboard/orders/{order}/receipt")).await;
    assert!(page.contains("$42.50") && page.contains("$2.50"), "{page}");
    assert!(browser.post(&format!("/dashboard/orders/{nasty}/cancel"), &[]).await.ends_with("done=till-done-cancel"));

    // Settling closes the session that has earned, and brings the money to the bank; sales go on.
    assert!(browser.post("/dashboard/settlements", &[]).await.ends_with("done=till-done-settle"));
    let (_, page) = browser.get("/dashboard/settlements").await;
    assert!(page.contains("$40.00") && page.contains("done"), "{page}");
    paid_order(&town, &mut shopper, "1.00").await;

    let (_, exported) = browser.get("/dashboard/export.json").await;
    let lines: Vec<Value> = serde_json::from_str(&exported).expect("JSON");
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["kind"].as_str().expect("a kind"), line["amount"].as_str().expect("an amount")))
        .collect();
    let expected =
        [("collected", "usd 42.50"), ("refund-made", "usd -2.50"), ("unload", "usd -40.00"), ("collected", "usd 1.00")];
    assert_eq!(told, expected);
    let (_, csv) = browser.get("/dashboard/export.csv").await;
    assert_eq!(csv.lines().count(), 5, "{csv}");
    for path in ["payments", "refunds", "sessions", "webhooks"] {
        assert_eq!(browser.get(&format!("/dashboard/{path}")).await.0, StatusCode::OK, "{path}");
    }
    // In German.
    let request = browser.client.get(format!("{}/dashboard", town.till)).header("cookie", &browser.cookie);
    let page = request.header("accept-language", "de").send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("<html lang=\"de\">") && page.contains("Bestellungen"));
}
