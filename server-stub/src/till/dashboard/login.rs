//! Logging in: a password kept as Argon2id, a cookie kept as a hash, and a word in every form.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use axum::extract::{Form, FromRequestParts, State};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use protocol::date::Date;
use protocol::secret::same;
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use zeroize::{Zeroize as _, Zeroizing};

use super::super::store::access::Login;
use super::super::store::{Store, StoreFault};
use super::super::{Till, api_key};
use super::frame;
use crate::http::now;
use crate::texts::Texts;

/// The cookie's name.
const COOKIE: &str = "paycash_till";
/// How long a login lasts: a working day.
const LOGIN_SECS: i64 = 12 * 3_600;
/// The shortest password, and the longest: Argon2 takes long ones, but nobody types them.
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=256;
/// As RFC 9106 recommends for passwords.
const SALT_BYTES: usize = 16;
/// So many wrong passwords within so many seconds close the door until the first of them is that old.
const WRONG_PASSWORDS: usize = 5;
const WRONG_WITHIN_SECS: i64 = 15 * 60;

/// Why no password is set.
#[derive(Debug, Error)]
pub enum PasswordFault {
    /// The file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Others on this machine could read it.
    #[error("{0} can be read by others: chmod go= {0}")]
    Exposed(String),
    /// Too short to be safe, or too long to be typed.
    #[error("a password has 12 to 256 characters")]
    Length,
    /// Argon2 failed.
    #[error("the password cannot be hashed")]
    Hash,
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Takes the dashboard's password from a file that only its owner can read. An unchanged password changes nothing.
///
/// # Errors
/// See [`PasswordFault`].
pub async fn set_password(store: &Store, file: &Path) -> Result<(), PasswordFault> {
    let name = || file.display().to_string();
    let metadata = fs::metadata(file).map_err(|error| PasswordFault::File(name(), error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(PasswordFault::Exposed(name()));
    }
    let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| PasswordFault::File(name(), error))?;
    let password = text.lines().next().unwrap_or_default();
    if !PASSWORD_CHARS.contains(&password.chars().count()) {
        return Err(PasswordFault::Length);
    }
    if store.password().await?.is_some_and(|hash| fits(password, &hash)) {
        return Ok(());
    }
    let mut salt = [0; SALT_BYTES];
    UnwrapErr(SysRng).fill_bytes(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    let hash = hash.map_err(|_| PasswordFault::Hash)?;
    Ok(store.set_password(hash.to_string()).await?)
}

fn fits(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// The door: how many wrong passwords there were lately, and one password at a time, since each costs memory.
#[derive(Debug)]
pub struct Door {
    wrong: Mutex<VecDeque<Date>>,
    one_at_a_time: Semaphore,
}

impl Default for Door {
    /// Open.
    fn default() -> Self {
        Self { wrong: Mutex::default(), one_at_a_time: Semaphore::new(1) }
    }
}

impl Door {
    fn is_closed(&self, now: Date) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        while wrong.front().is_some_and(|date| date.plus_secs(WRONG_WITHIN_SECS) <= now) {
            wrong.pop_front();
        }
        wrong.len() >= WRONG_PASSWORDS
    }

    fn was_wrong(&self, now: Date) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push_back(now);
    }

    /// Whether a password is the dashboard's.
    async fn opens(&self, store: &Store, password: Zeroizing<String>) -> Result<bool, StoreFault> {
        let Ok(_one) = self.one_at_a_time.acquire().await else { return Ok(false) };
        if self.is_closed(now()) {
            return Ok(false);
        }
        let Some(hash) = store.password().await? else { return Ok(false) };
        let fits = tokio::task::spawn_blocking(move || fits(&password, &hash)).await.unwrap_or(false);
        if !fits {
            self.was_wrong(now());
        }
        Ok(fits)
    }
}

/// Whoever is logged in; everyone else is sent to the login page.
pub struct Merchant {
    login: Login,
    /// The language to answer in.
    pub texts: Texts,
}

impl Merchant {
    /// The word that forms carry.
    pub fn form_token(&self) -> &str {
        &self.login.form_token
    }

    /// Whether a form is one of this login's.
    pub fn knows(&self, token: &str) -> bool {
        same(token.as_bytes(), self.login.form_token.as_bytes())
    }
}

impl FromRequestParts<Arc<Till>> for Merchant {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, till: &Arc<Till>) -> Result<Self, Response> {
        let out = || Redirect::to("/dashboard/login").into_response();
        let cookie = cookie(&parts.headers).ok_or_else(out)?;
        let found = till.desk.store.login(api_key::hash(&cookie), now()).await;
        let login = found.ok().flatten().ok_or_else(out)?;
        if !parts.method.is_safe() && !is_ours(&parts.headers) {
            return Err(StatusCode::FORBIDDEN.into_response());
        }
        Ok(Self { login, texts: Texts::for_reader(&parts.headers) })
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

/// Whether a browser sends this from one of our own pages. What says neither comes from no browser of today.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) == text("host"),
        (None, None) => true,
    }
}

/// Whether the page was reached on this machine, where there is no encryption and no need of it.
fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host == *name || host.starts_with(&format!("{name}:")))
}

/// `GET /dashboard/login`.
pub async fn page(State(till): State<Arc<Till>>, headers: HeaderMap) -> Response {
    match till.desk.store.password().await {
        Ok(Some(_)) => form(Texts::for_reader(&headers), None).into_response(),
        // Without a password there is no dashboard.
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(fault) => super::super::problem::Problem::from(fault).into_response(),
    }
}

fn form(texts: Texts, fault: Option<&'static str>) -> maud::Markup {
    let title = texts.get("till-login");
    frame::bare(
        texts,
        title,
        &html! {
            h1 { (title) }
            @if let Some(fault) = fault { p.fault role="alert" { (texts.get(fault)) } }
            form method="post" action="/dashboard/login" {
                p {
                    label for="password" { (texts.get("till-password")) }
                    input #password type="password" name="password" autocomplete="current-password" required autofocus;
                }
                p { button { (texts.get("till-log-in")) } }
            }
        },
    )
}

/// What the login form says.
#[derive(Deserialize)]
pub struct LoginForm {
    password: String,
}

impl Drop for LoginForm {
    fn drop(&mut self) {
        self.password.zeroize();
    }
}

/// `POST /dashboard/login`.
pub async fn log_in(State(till): State<Arc<Till>>, headers: HeaderMap, Form(mut form_): Form<LoginForm>) -> Response {
    let texts = Texts::for_reader(&headers);
    if !is_ours(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if till.door.is_closed(now()) {
        return (StatusCode::TOO_MANY_REQUESTS, form(texts, Some("till-door-closed"))).into_response();
    }
    let password = Zeroizing::new(std::mem::take(&mut form_.password));
    match till.door.opens(&till.desk.store, password).await {
        Ok(true) => {}
        Ok(false) => return (StatusCode::UNAUTHORIZED, form(texts, Some("till-wrong-password"))).into_response(),
        Err(fault) => return super::super::problem::Problem::from(fault).into_response(),
    }
    let (secret, form_token) = (api_key::generate(), api_key::generate());
    let login = Login { hash: api_key::hash(&secret), form_token, expires: now().plus_secs(LOGIN_SECS) };
    if let Err(fault) = till.desk.store.put_login(login).await {
        return super::super::problem::Problem::from(fault).into_response();
    }
    let secure = if is_loopback(&headers) { "" } else { "; Secure" };
    let cookie = format!("{COOKIE}={secret}; Path=/dashboard; HttpOnly; SameSite=Strict; Max-Age={LOGIN_SECS}{secure}");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/dashboard")).into_response()
}

/// What every form carries.
#[derive(Deserialize)]
pub struct Token {
    /// The word that only our pages know.
    pub token: String,
}

/// `POST /dashboard/logout`.
pub async fn log_out(State(till): State<Arc<Till>>, merchant: Merchant, Form(form): Form<Token>) -> Response {
    if !merchant.knows(&form.token) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Err(fault) = till.desk.store.end_login(merchant.login.hash).await {
        return super::super::problem::Problem::from(fault).into_response();
    }
    let cookie = format!("{COOKIE}=; Path=/dashboard; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/dashboard/login")).into_response()
}
