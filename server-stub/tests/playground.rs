//! The demo's playground over HTTP: each rehearsal is paid by the test shopper, and its messages are shown.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use protocol::outcome::{Problem, ResponseCode};
use reqwest::{Client, redirect};
use tempfile::TempDir;

/// The demo on free ports; it ends with the test.
struct Demo {
    child: Child,
    shop: String,
    http: Client,
    _data: TempDir,
}

impl Demo {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
        command
            .args(["demo", "--server-port", "0", "--till-port", "0", "--shop-port", "0", "--shop-dir"])
            .arg(data.path());
        command.arg("--data-dir").arg(data.path().join("data")).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let shop =
            lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("shop listening on ")?.to_owned()));
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        Self { child, shop: shop.expect("a shop"), http: client.build().expect("a client"), _data: data }
    }

    /// Posts a form; yields where it leads.
    async fn post(&self, path: &str, form: &str) -> String {
        let request = self.http.post(format!("{}{path}", self.shop)).body(form.to_owned());
        let reply = request.header("content-type", "application/x-www-form-urlencoded").send().await.expect("a reply");
        assert_eq!(reply.status(), 303, "{path} {form}");
        reply.headers()["location"].to_str().expect("an address").to_owned()
    }

    async fn page(&self, path: &str) -> String {
        let reply = self.http.get(format!("{}{path}", self.shop)).send().await.expect("a reply");
        reply.text().await.expect("a page")
    }

    /// Orders with a rehearsal and lets the test shopper pay; yields the messages and the order's end.
    async fn rehearse(&self, form: &str) -> (String, String) {
        let checkout = self.post("/playground/orders", form).await;
        let reference = checkout.rsplit('/').next().expect("a reference").to_owned();
        let messages = self.post(&format!("/playground/pay/{reference}"), "").await;
        (self.page(&messages).await, self.page(&format!("/thanks/{reference}")).await)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn each_rehearsal_ends_as_it_says() {
    let demo = Demo::start();
    assert!(demo.page("/playground/messages").await.contains("Nothing was paid yet"));
    for (form, tries) in [("scenario=paid", 1), ("scenario=lost", 2), ("scenario=down", 4), ("scenario=slow", 1)] {
        let (messages, end) = demo.rehearse(form).await;
        assert!(end.contains("data-status=\"paid\""), "{form}: {end}");
        assert!(messages.contains(&format!("CA2 this often: {tries}")), "{form}: {messages}");
        for name in ["PR1", "CA1", "CA2", "CA3", "CA4"] {
            assert!(messages.contains(&format!("data-testid=\"{name}\"")), "{form}: no {name} in {messages}");
        }
        for part in
            ["Opened: opaque", "Opened: merchant-opaque", "Opened: customer-opaque_1", "session-balance", "auth-code"]
        {
            assert!(messages.contains(part), "{form}: no {part} in {messages}");
        }
    }
}

#[tokio::test]
async fn every_problem_code_can_be_rehearsed() {
    let demo = Demo::start();
    // Those that ask for another try are tried again by the till, which does not end here.
    let final_ones = Problem::ALL.iter().filter(|problem| problem.response() == ResponseCode::Failure);
    for problem in final_ones {
        let (messages, end) = demo.rehearse(&format!("scenario=declined&code={}", problem.code())).await;
        assert!(end.contains("data-status=\"failed\""), "{problem:?}: {end}");
        assert!(messages.contains(&format!("<td>{}</td>", problem.code())), "{problem:?}: {messages}");
    }
    let wish = demo.http.post(format!("{}/playground/orders", demo.shop)).body("scenario=declined&code=nonsense");
    let reply = wish.header("content-type", "application/x-www-form-urlencoded").send().await.expect("a reply");
    assert_eq!(reply.status(), 422);
}
