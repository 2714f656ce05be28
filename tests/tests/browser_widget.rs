//! The widget in a Chromium without a wallet, on pages as shops write them; where a check needs a wallet, one that does
//! what the check says stands on the page. With the real wallet: `browser_widget_wallet.rs`.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::checks;
use tests::widget::{ASYNC, Stage};
use thirtyfour::Key;

#[tokio::test]
async fn the_widget_on_any_page() -> Result<()> {
    let stage = Stage::set(false).await?;
    let table = checks![&stage;
        it_works_async_deferred_and_as_a_module,
        it_is_one_where_it_is_loaded_twice,
        several_on_a_page_ask_for_their_own_orders,
        it_may_be_moved_about_while_it_waits,
        another_route_takes_the_request_back,
        the_back_button_finds_it_idle,
        a_double_click_is_one_request,
        the_keyboard_is_enough,
        without_javascript_its_children_are_there,
        without_a_wallet_it_shows_link_and_code,
        a_strict_policy_with_trusted_types_lets_it_work,
        its_words_follow_keys_and_language,
        a_label_with_another_price_is_an_error,
        its_looks_follow_attributes_variables_and_parts,
        its_properties_are_its_attributes,
        events_come_in_order_and_say_what_can_be_prevented,
        a_promise_ends_with_the_names_of_payment_request,
        it_fits_a_narrow_screen,
        forced_colours_keep_it_visible,
        it_is_accessible_in_every_state,
    ];
    table.await?;
    stage.browser.quit().await
}

async fn it_works_async_deferred_and_as_a_module(stage: &Stage) -> Result<()> {
    for tag in ["async", "defer", "type=module", ""] {
        let button = stage.button("").await?;
        let head = format!(
            "<script src=/t/log.js></script><script src=/t/wallet.js></script><script {tag} src=/pay-cash.js></script>"
        );
        stage.open(&head, &button).await?;
        stage.ready().await?;
        stage.run("window.outcome = { outcome: 'cancelled' }; return 1").await?;
        stage.click(0).await?;
        stage.hears("cancelled").await?;
    }
    Ok(())
}

async fn it_is_one_where_it_is_loaded_twice(stage: &Stage) -> Result<()> {
    let button = stage.button("").await?;
    let twice = format!(
        "{button}{ASYNC}<script src=/pay-cash.js></script><script type=module src=/pay-cash.js?again></script>"
    );
    stage.with_scripted_wallet(&twice).await?;
    stage.click(0).await?;
    stage.until("return asked.length === 1").await?;
    let shown =
        stage.run("return document.querySelector('pay-cash-button').shadowRoot.querySelectorAll('button').length");
    ensure!(shown.await? == 1, "more than one button");
    Ok(())
}

async fn several_on_a_page_ask_for_their_own_orders(stage: &Stage) -> Result<()> {
    let (one, two) = (stage.button("reference=one").await?, stage.button("reference=two").await?);
    stage.with_scripted_wallet(&format!("{one}{two}")).await?;
    stage.click(1).await?;
    stage.until("return asked.length === 1").await?;
    // A wallet takes one request a shop: the other button says so, and keeps the first request alive.
    stage.click(0).await?;
    let failed = stage.hears("failed").await?;
    ensure!(failed["code"] == "too-many-requests" && failed["reference"] == "one", "{failed}");
    stage.run("answer({ outcome: 'cancelled' }); return 1").await?;
    let cancelled = stage.hears("cancelled").await?;
    ensure!(cancelled["reference"] == "two", "{cancelled}");
    stage.click(0).await?;
    stage.until("return asked.length === 2 && asked[0].request !== asked[1].request").await
}

async fn it_may_be_moved_about_while_it_waits(stage: &Stage) -> Result<()> {
    let button = stage.button("").await?;
    stage.with_scripted_wallet(&format!("{button}<section></section>")).await?;
    stage.click(0).await?;
    stage.until("return asked.length === 1").await?;
    stage.run("document.querySelector('section').append(document.querySelector('pay-cash-button')); return 1").await?;
    stage.run("answer({ outcome: 'failed', code: 'session-expired' }); return 1").await?;
    let failed = stage.hears("failed").await?;
    ensure!(failed["code"] == "session-expired" && failed["error"] == "OperationError", "{failed}");
    ensure!(stage.run("return aborted").await? == 0, "moving took the request back");
    Ok(())
}

async fn another_route_takes_the_request_back(stage: &Stage) -> Result<()> {
    let button = stage.button("").await?;
    stage.with_scripted_wallet(&button).await?;
    stage.click(0).await?;
    stage.until("return asked.length === 1").await?;
    stage.run("history.pushState({}, '', '?route'); window.kept = document.querySelector('pay-cash-button'); kept.remove(); return 1").await?;
    stage.until("return aborted === 1").await?;
    stage.run("document.querySelector('main').append(kept); return 1").await?;
    ensure!(stage.status().await?.is_empty(), "it is not idle again");
    stage.click(0).await?;
    stage.until("return asked.length === 2").await
}

async fn the_back_button_finds_it_idle(stage: &Stage) -> Result<()> {
    let button = stage.button("").await?;
    stage.with_scripted_wallet(&button).await?;
    stage.run("addEventListener('pageshow', ({ persisted }) => { window.persisted = persisted }); return 1").await?;
    stage.click(0).await?;
    stage.until("return asked.length === 1").await?;
    stage.browser.open(&stage.demo.shop).await?;
    stage.browser.driver().back().await?;
    stage.ready().await?;
    println!("       out of the browser's memory: {}", stage.run("return window.persisted ?? false").await?);
    ensure!(stage.status().await?.is_empty(), "it still waits");
    let before = stage.run("return asked.length").await?.as_u64().unwrap_or_default();
    stage.click(0).await?;
    stage.until(&format!("return asked.length === {}", before + 1)).await
}

async fn a_double_click_is_one_request(stage: &Stage) -> Result<()> {
    let button = stage.button("").await?;
    stage.with_scripted_wallet(&button).await?;
    let inner = stage.inner(0).await?;
    stage.browser.driver().action_chain().double_click_element(&inner).perform().await?;
    stage.until("return asked.length > 0").await?;
    ensure!(stage.run("return asked.length").await? == 1, "two requests");
    ensure!(stage.run("return heard.filter((event) => event.name === 'click').length").await? == 1, "two clicks");
    Ok(())
}

async fn the_keyboard_is_enough(stage: &Stage) -> Result<()> {
    for key in [Key::Enter, Key::Space] {
        let button = stage.button("").await?;
        stage.with_scripted_wallet(&button).await?;
        stage.browser.driver().action_chain().send_keys(Key::Tab).perform().await?;
        stage.until("return document.activeElement.localName === 'pay-cash-button'").await?;
        let outline = "return getComputedStyle(document.activeElement.shadowRoot.activeElement).outlineStyle";
        ensure!(stage.run(outline).await? == "solid", "the focus is not visible");
        stage.browser.driver().action_chain().send_keys(key).perform().await?;
        stage.until("return asked.length === 1").await?;
    }
    Ok(())
}

async fn without_javascript_its_children_are_there(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    stage.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await?;
    let button = format!(
        "<pay-cash-button request-src=x><a href=/orders/{order}/pay>Pay on the payment page</a></pay-cash-button>"
    );
    let opened = stage.open(ASYNC, &button).await;
    let shown = stage.browser.driver().find(thirtyfour::By::Css("pay-cash-button a")).await?.rect().await;
    stage.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await?;
    opened?;
    let shown = shown?;
    ensure!(shown.width > 0.0 && shown.height > 0.0, "the children are not shown");
    stage.browser.click("pay-cash-button a").await?;
    stage.browser.wait_for_text("[data-testid=amount]", "$42.50").await
}

async fn without_a_wallet_it_shows_link_and_code(stage: &Stage) -> Result<()> {
    let log = format!("<script src=/t/log.js></script>{ASYNC}");
    let shown = "const root = document.querySelector('pay-cash-button').shadowRoot;
        return [!root.querySelector('slot').hidden, root.querySelectorAll('a').length, [...root.querySelectorAll('img')].length]";
    for (attributes, expected) in [
        ("", json!([true, 1, 0])),
        ("fallback=link", json!([true, 1, 0])),
        ("fallback=qr", json!([true, 1, 1])),
        ("fallback=none", json!([false, 0, 0])),
    ] {
        let button = stage.button(attributes).await?;
        stage.open(&log, &button).await?;
        stage.ready().await?;
        stage.click(0).await?;
        stage.hears("nowallet").await?;
        let found = stage.run(shown).await?;
        ensure!(found == expected, "{attributes}: {found}");
        ensure!(stage.status().await? == "There is no Pay Cash wallet in this browser. Nothing was paid.");
    }
    let button = stage.button("fallback=qr").await?;
    stage.open(&log, &button).await?;
    stage.ready().await?;
    stage.run("addEventListener('paycash:nowallet', (event) => event.preventDefault()); return 1").await?;
    stage.click(0).await?;
    stage.hears("nowallet").await?;
    let found = stage.run(shown).await?;
    ensure!(found == json!([false, 0, 0]), "prevented: {found}");
    Ok(())
}

async fn a_strict_policy_with_trusted_types_lets_it_work(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    let fetch = format!("return fetch('/orders/{order}/payment-request').then((reply) => reply.text())");
    let offer = stage.run(&fetch).await?.as_str().unwrap_or_default().replace('"', "&quot;");
    let policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src 'self'; \
                  require-trusted-types-for 'script'; trusted-types 'none'\">";
    let scripts = "<script src=/t/log.js></script><script src=/t/wallet.js></script>\
                   <script async src=/pay-cash.js data-check=off></script>";
    stage
        .open(&format!("{policy}{scripts}"), &format!("<pay-cash-button request=\"{offer}\"></pay-cash-button>"))
        .await?;
    stage.ready().await?;
    let painted = "return getComputedStyle(document.querySelector('pay-cash-button').shadowRoot.querySelector('button')).backgroundColor";
    ensure!(stage.run(painted).await? == "rgb(20, 83, 45)", "the style did not apply");
    stage.click(0).await?;
    stage.until("return asked.length === 1 && asked[0].request.includes('merchant-amount: usd 42.50')").await?;
    // Nobody may be asked here: the wallet's word is followed to the shop's page, which knows.
    stage.run("answer({ outcome: 'paid' }); return 1").await?;
    stage.browser.wait_for_text("[data-testid=status]", "Not paid yet").await?;
    ensure!(!stage.run("return location.pathname.startsWith('/thanks/')").await?.is_null(), "elsewhere");
    Ok(())
}

async fn its_words_follow_keys_and_language(stage: &Stage) -> Result<()> {
    let words = "return [...document.querySelectorAll('pay-cash-button')].map((it) => it.shadowRoot.querySelector('button').textContent)";
    let body = "<pay-cash-button></pay-cash-button><pay-cash-button label=buy></pay-cash-button>\
        <pay-cash-button label=checkout amount=1042.50 currency=USD></pay-cash-button><pay-cash-button label=donate locale=de-AT>\
        </pay-cash-button><pay-cash-button label=plain></pay-cash-button><pay-cash-button label='<b>free</b>'></pay-cash-button>\
        <p lang=de><pay-cash-button amount=42.50 currency=EUR></pay-cash-button></p>";
    stage.open(ASYNC, body).await?;
    stage.ready().await?;
    let found = stage.run(words).await?;
    let expected = json!([
        "Pay cash",
        "Buy with cash",
        "Check out with cash · $1,042.50",
        "Bar spenden",
        "Pay Cash",
        "Pay cash",
        "Bar zahlen · 42,50\u{a0}€"
    ]);
    ensure!(found == expected, "{found}");
    Ok(())
}

async fn a_label_with_another_price_is_an_error(stage: &Stage) -> Result<()> {
    for (attributes, fits) in [
        ("amount=42.50 currency=USD", true),
        ("amount=42.5 currency=usd", true),
        ("amount=1.00 currency=USD", false),
        ("amount=42.50 currency=CAD", false),
    ] {
        let button = stage.button(attributes).await?;
        stage.with_scripted_wallet(&button).await?;
        stage.click(0).await?;
        if fits {
            stage.hears("request").await?;
        } else {
            let failed = stage.hears("failed").await?;
            ensure!(failed["code"] == "price" && failed["error"] == "DataError", "{attributes}: {failed}");
            ensure!(stage.run("return asked.length").await? == 0, "{attributes}: a wallet was asked");
        }
    }
    Ok(())
}

async fn its_looks_follow_attributes_variables_and_parts(stage: &Stage) -> Result<()> {
    let body = "<pay-cash-button theme=light></pay-cash-button><pay-cash-button theme=dark></pay-cash-button>\
        <pay-cash-button variant=outline theme=light></pay-cash-button><pay-cash-button size-mode=fill></pay-cash-button>\
        <pay-cash-button class=mine></pay-cash-button><pay-cash-button disabled></pay-cash-button>";
    stage.open(&format!("<link rel=stylesheet href=/t/mine.css>{ASYNC}"), body).await?;
    stage.ready().await?;
    stage
        .run(
            "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets.push(sheet); sheet.replaceSync(
        '.mine { --pay-cash-background: rgb(1, 2, 3); --pay-cash-color: rgb(4, 5, 6); --pay-cash-radius: 7px } \
         .mine::part(button) { text-transform: uppercase }'); return 1",
        )
        .await?;
    let found = stage.run("return [...document.querySelectorAll('pay-cash-button')].map((it) => {
        const button = it.shadowRoot.querySelector('button'), style = getComputedStyle(button);
        return { back: style.backgroundColor, color: style.color, radius: style.borderRadius, case: style.textTransform, off: button.disabled,
            wide: button.offsetWidth === it.parentElement.offsetWidth, tall: button.offsetHeight >= 44 } })").await?;
    ensure!(found[0]["back"] == "rgb(20, 83, 45)" && found[1]["back"] == "rgb(134, 239, 172)", "themes: {found}");
    ensure!(found[2]["back"] == "rgba(0, 0, 0, 0)" && found[2]["color"] == "rgb(20, 83, 45)", "outline: {found}");
    ensure!(found[3]["wide"] == true && found[0]["wide"] == false, "fill: {found}");
    let mine = &found[4];
    ensure!(
        mine["back"] == "rgb(1, 2, 3)" && mine["color"] == "rgb(4, 5, 6)" && mine["radius"] == "7px",
        "variables: {mine}"
    );
    ensure!(mine["case"] == "uppercase", "part: {mine}");
    ensure!(found[5]["off"] == true && found[0]["off"] == false, "disabled: {found}");
    ensure!(found[0]["tall"] == true, "too small for a finger");
    Ok(())
}

async fn its_properties_are_its_attributes(stage: &Stage) -> Result<()> {
    // Set before the script has come, as frameworks do.
    stage.open("", "<pay-cash-button></pay-cash-button>").await?;
    stage.run("document.querySelector('pay-cash-button').requestSrc = '/early'; return 1").await?;
    let load = "const script = document.createElement('script'); script.src = '/pay-cash.js'; document.head.append(script); return 1";
    stage.run(load).await?;
    stage.ready().await?;
    let found = stage.run("const it = document.querySelector('pay-cash-button');
        it.sizeMode = 'fill'; it.disabled = true; it.amount = '1.00'; it.amount = null;
        return [it.getAttribute('request-src'), it.getAttribute('size-mode'), it.hasAttribute('disabled'), it.hasAttribute('amount'), it.label]");
    let found = found.await?;
    ensure!(found == json!(["/early", "fill", true, false, ""]), "{found}");
    Ok(())
}

async fn events_come_in_order_and_say_what_can_be_prevented(stage: &Stage) -> Result<()> {
    let button = stage.button("reference=visit-17 status-src=/t/paid.json").await?;
    stage.with_scripted_wallet(&button).await?;
    stage
        .run(
            "window.fetched = fetch; window.fetch = (url, ...more) => String(url).endsWith('paid.json')
        ? Promise.resolve(new Response('{\"status\":\"paid\"}')) : fetched(url, ...more);
        window.outcome = { outcome: 'paid' }; return 1",
        )
        .await?;
    stage.click(0).await?;
    let paid = stage.hears("paid").await?;
    ensure!(paid["amount"] == json!({ "currency": "USD", "value": "42.50" }) && paid["confirmed"] == true, "{paid}");
    ensure!(paid["reference"] == "visit-17" && paid["merchant"] == "acme-82", "{paid}");
    let order = stage.run("return heard.map(({ name, cancelable }) => name + (cancelable ? '?' : ''))").await?;
    ensure!(order == json!(["click?", "request", "approved", "paid?"]), "{order}");
    // Paid is paid: nothing is left to click.
    ensure!(
        stage
            .run("return document.querySelector('pay-cash-button').shadowRoot.querySelector('button').disabled")
            .await?
            == true
    );
    let button = stage.button("").await?;
    stage.with_scripted_wallet(&button).await?;
    stage.run("addEventListener('paycash:click', (event) => event.preventDefault()); return 1").await?;
    stage.click(0).await?;
    stage.hears("click").await?;
    ensure!(stage.status().await?.is_empty(), "a prevented click went on");
    Ok(())
}

async fn a_promise_ends_with_the_names_of_payment_request(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    stage.with_scripted_wallet("<button id=go>Go</button>").await?;
    stage.run("go.onclick = () => { window.end = null; PayCash.pay(wish).then((receipt) => end = { receipt },
        ({ name, problem, constructor }) => end = { name, problem, kind: constructor.name }); if (window.then) setTimeout(then, 50) }; return 1").await?;
    let source = format!("requestSrc: '/orders/{order}/payment-request'");
    let cases = [
        (
            format!("window.wish = {{ {source} }}; window.outcome = {{ outcome: 'cancelled' }}"),
            "AbortError",
            "cancelled",
        ),
        (
            format!(
                "window.wish = {{ {source} }}; window.outcome = {{ outcome: 'failed', code: 'funds-insufficient' }}"
            ),
            "OperationError",
            "funds-insufficient",
        ),
        (
            format!("window.wish = {{ {source} }}; window.outcome = {{ outcome: 'failed', code: 'already-paid' }}"),
            "InvalidStateError",
            "already-paid",
        ),
        ("window.wish = { requestSrc: '/orders/NO/payment-request' }".into(), "NetworkError", "no-offer"),
        ("window.wish = { request: 'not an offer' }".into(), "DataError", "form"),
        (format!("window.wish = {{ {source}, amount: '1.00', currency: 'USD' }}"), "DataError", "price"),
        (
            format!(
                "window.outcome = null; window.stop = new AbortController(); window.wish = {{ {source}, signal: stop.signal }}; window.then = () => stop.abort()"
            ),
            "AbortError",
            "aborted",
        ),
    ];
    for (prepare, name, problem) in cases {
        stage.run(&format!("{prepare}; return 1")).await?;
        stage.browser.click("#go").await?;
        stage.until("return !!window.end").await?;
        let end = stage.run("return window.end").await?;
        ensure!(end == json!({ "name": name, "problem": problem, "kind": "DOMException" }), "{prepare}: {end}");
    }
    let busy = format!("window.then = null; window.outcome = null; window.wish = {{ {source} }}; return 1");
    stage.run(&busy).await?;
    stage.browser.click("#go").await?;
    stage.until("return asked.at(-1) !== undefined").await?;
    stage.browser.click("#go").await?;
    stage.until("return window.end?.name === 'InvalidStateError'").await?;
    stage.run("window.wallet = null; answer({ outcome: 'cancelled' }); return 1").await?;
    // Without a click of a person, and without a wallet.
    let order = stage.order().await?;
    stage.open(ASYNC, "<button id=go>Go</button>").await?;
    stage.ready().await?;
    let pay = format!(
        "PayCash.pay({{ requestSrc: '/orders/{order}/payment-request' }}).catch((fault) => fault.name + ' ' + fault.problem)"
    );
    let found = stage.run(&format!("return navigator.userActivation.isActive ? 'active' : {pay}")).await?;
    ensure!(found == "SecurityError gesture" || found == "active", "{found}");
    stage.run(&format!("go.onclick = () => {pay}.then((end) => window.end = end); return 1")).await?;
    stage.browser.click("#go").await?;
    stage.until("return window.end === 'NotSupportedError nowallet'").await
}

async fn it_fits_a_narrow_screen(stage: &Stage) -> Result<()> {
    let button = stage.button("label=checkout amount=42.50 currency=USD locale=de fallback=qr").await?;
    stage.width(Some(320)).await?;
    stage.open(ASYNC, &button).await?;
    stage.ready().await?;
    stage.click(0).await?;
    stage.until("return !!document.querySelector('pay-cash-button').shadowRoot.querySelector('img')?.complete").await?;
    stage.browser.screenshot("widget-320").await?;
    let wide = stage.run("return document.documentElement.scrollWidth").await?;
    for page in ["/".to_owned(), format!("/orders/{}/pay", stage.order().await?)] {
        stage.browser.open(&format!("{}{page}", stage.demo.shop)).await?;
        let wide = stage.run("return document.documentElement.scrollWidth").await?;
        ensure!(wide.as_u64().unwrap_or(999) <= 320, "{page} is {wide} pixels wide");
    }
    stage.width(None).await?;
    ensure!(wide.as_u64().unwrap_or(999) <= 320, "{wide} pixels");
    Ok(())
}

async fn forced_colours_keep_it_visible(stage: &Stage) -> Result<()> {
    stage.media(&[("forced-colors", "active"), ("prefers-color-scheme", "dark")]).await?;
    stage.open(ASYNC, "<pay-cash-button></pay-cash-button><pay-cash-button variant=outline></pay-cash-button>").await?;
    stage.ready().await?;
    let found = stage.run("return [...document.querySelectorAll('pay-cash-button')].map((it) => {
        const style = getComputedStyle(it.shadowRoot.querySelector('button'));
        return style.borderTopStyle === 'solid' && style.borderTopColor !== style.backgroundColor && style.color !== style.backgroundColor })");
    let found = found.await?;
    stage.browser.screenshot("widget-forced-colours").await?;
    stage.media(&[]).await?;
    ensure!(found == json!([true, true]), "{found}");
    Ok(())
}

async fn it_is_accessible_in_every_state(stage: &Stage) -> Result<()> {
    for (scheme, paper) in [("light", "#fff"), ("dark", "#151311")] {
        // As a shop does that has both: axe takes a page without a colour for a white one.
        let paper =
            &format!("document.documentElement.style = 'color-scheme: light dark; background: {paper}'; return 1");
        stage.media(&[("prefers-color-scheme", scheme)]).await?;
        let (waiting, failing) = (
            stage.button("amount=42.50 currency=USD").await?,
            stage.button("variant=outline amount=1 currency=USD").await?,
        );
        stage
            .with_scripted_wallet(&format!(
                "{failing}{waiting}<pay-cash-button theme={scheme} disabled></pay-cash-button>"
            ))
            .await?;
        stage.run(paper).await?;
        stage.click(0).await?;
        stage.hears("failed").await?;
        stage.click(1).await?;
        stage.until("return asked.length === 1").await?;
        stage.browser.assert_accessible().await?;
        stage.browser.screenshot(&format!("widget-states-{scheme}")).await?;
        let lost = stage.button("fallback=qr").await?;
        stage.open(ASYNC, &lost).await?;
        stage.ready().await?;
        stage.run(paper).await?;
        stage.click(0).await?;
        stage
            .until("return !!document.querySelector('pay-cash-button').shadowRoot.querySelector('img')?.complete")
            .await?;
        stage.browser.assert_accessible().await?;
        stage.browser.screenshot(&format!("widget-nowallet-{scheme}")).await?;
        let order = stage.order().await?;
        stage.browser.open(&format!("{}/orders/{order}/pay", stage.demo.shop)).await?;
        stage.browser.in_shadow("pay-cash-button", "button").await?;
        stage.browser.assert_accessible().await?;
        stage.browser.screenshot(&format!("pay-page-{scheme}")).await?;
    }
    stage.media(&[]).await
}
