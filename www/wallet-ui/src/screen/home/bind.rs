//! Adding an instrument: its form, and the issuer's questions if there are any.

use leptos::prelude::*;
use wallet_messages::{BindInstrument, Bound, InstrumentView};
use web_sys::SubmitEvent;

use super::{challenge, instruments};
use crate::{
    browser, check, format,
    part::{Choice, FaultNote, Field, Notice, Screen, Submit, TextField, Tick},
    route::Route,
    task::Task,
    text::{self, t, t_with},
    watched::Wallet,
};

/// The types of instrument that the protocol names.
const KINDS: [&str; 5] = ["dda", "visa", "mastercard", "amex", "discover"];

/// The screen that adds an instrument.
#[component]
pub fn Bind() -> impl IntoView {
    let asked = RwSignal::new(None::<(String, Vec<String>)>);
    let done = finish(Wallet::here(), Notice::here(), asked);
    view! {
        <Screen title=t("bind_title") testid="bind" back=Route::Overview.link()>
            {move || match asked.get() {
                Some((challenge, questions)) => challenge::questions(challenge, questions, done).into_any(),
                None => form(done).into_any(),
            }}
        </Screen>
    }
}

/// What happens with the worker's answer: a question is asked, an instrument is told of on the overview.
fn finish(
    wallet: Wallet,
    notice: Notice,
    asked: RwSignal<Option<(String, Vec<String>)>>,
) -> impl Fn(Bound) + Copy + Send + Sync + 'static {
    move |bound| match bound {
        Bound::Challenge { challenge, questions } => {
            asked.set(Some((challenge, questions)));
            browser::focus_soon("h1");
        }
        Bound::Instrument(instrument) => {
            notice.say(said(&instrument));
            wallet.refresh();
            Route::Overview.go();
        }
    }
}

fn said(instrument: &InstrumentView) -> String {
    t_with("bind_done", &[&instruments::named(instrument), &instruments::status(&instrument.status)])
}

fn form(bound: impl Fn(Bound) + Copy + Send + Sync + 'static) -> impl IntoView {
    let task = Task::new();
    let form = Form::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        match form.read() {
            Some(asked) => task.run(asked, bound),
            None => browser::focus_first_error(),
        }
    };
    // What was wrong with an account's number says nothing of a card's.
    Effect::new(move || {
        form.kind.value.track();
        form.number.error.set(None);
    });
    let is_card = move || form.kind.value.with(|kind| kind != "dda");
    let kinds: Vec<_> = KINDS.iter().map(|kind| ((*kind).to_owned(), instruments::kind(kind))).collect();
    view! {
        <p>{t("bind_why")}</p>
        <form novalidate on:submit=submit>
            <Choice field=form.kind label=t("bind_kind") options=kinds />
            <TextField field=form.number label=t("bind_number") hint=t("bind_number_hint") inputmode="numeric" />
            <Show when=is_card>
                <TextField field=form.expires label=t("bind_expires") hint=t("bind_expires_hint") inputmode="numeric" />
            </Show>
            <TextField field=form.name label=t("bind_name") autocomplete="name" />
            {form.draw_address()}
            <Tick field=form.autoclose>{t("bind_autoclose")}</Tick>
            <Show when=move || form.autoclose.value.with(|on| !on.is_empty())>
                <TextField field=form.autoclose_passphrase label=t("autoclose_passphrase")
                    hint=t("bind_autoclose_hint") kind="password" />
            </Show>
            <Submit task label=t("instrument_add") waiting=t("bind_waiting") testid="bind-submit" />
            <FaultNote fault=task.fault />
        </form>
    }
}

#[derive(Clone, Copy)]
struct Form {
    kind: Field,
    number: Field,
    expires: Field,
    name: Field,
    address: Field,
    city: Field,
    state: Field,
    postal_code: Field,
    country: Field,
    autoclose: Field,
    autoclose_passphrase: Field,
}

impl Form {
    fn new() -> Self {
        Self {
            kind: Field::filled("bind-kind", "dda"),
            number: Field::new("bind-number"),
            expires: Field::new("bind-expires"),
            name: Field::new("bind-name"),
            address: Field::new("bind-address"),
            city: Field::new("bind-city"),
            state: Field::new("bind-state"),
            postal_code: Field::new("bind-postal-code"),
            country: Field::filled("bind-country", likely_country()),
            autoclose: Field::new("bind-autoclose"),
            autoclose_passphrase: Field::new("bind-autoclose-passphrase"),
        }
    }

    /// Limits of the lines: protocol.md section 6.2.
    fn read(self) -> Option<BindInstrument> {
        let kind = self.kind.value.get_untracked();
        let is_card = kind != "dda";
        let number = self.number.read(if is_card { check::card } else { check::account });
        let expires = self.expires.read(|typed| if is_card { check::expires(typed).map(Some) } else { Ok(None) });
        let name = self.name.read(|typed| check::line(typed, 80));
        let address = self.address.read(|typed| check::line(typed, 120));
        let city = self.city.read(|typed| check::line(typed, 60));
        let state = self.state.read(|typed| check::optional_line(typed, 40));
        let postal_code = self.postal_code.read(|typed| check::line(typed, 16));
        let country = self.country.read(|chosen| check::line(chosen, 2));
        let closes = !self.autoclose.value.get_untracked().is_empty();
        let autoclose =
            self.autoclose_passphrase.read(|typed| if closes { check::autoclose(typed).map(Some) } else { Ok(None) });
        Some(BindInstrument {
            kind,
            number: number?,
            expires: expires?,
            name: name?,
            address: address?,
            city: city?,
            state: state?,
            postal_code: postal_code?,
            country: country?,
            autoclose: autoclose?,
        })
    }

    fn draw_address(self) -> impl IntoView {
        view! {
            <TextField field=self.address label=t("bind_address") autocomplete="street-address" />
            <div class="pair">
                <TextField field=self.postal_code label=t("bind_postal_code") autocomplete="postal-code" />
                <TextField field=self.city label=t("bind_city") autocomplete="address-level2" />
            </div>
            <TextField field=self.state label=t("bind_state") hint=t("bind_state_hint") autocomplete="address-level1" />
            <Choice field=self.country label=t("bind_country") options=countries() autocomplete="country" />
        }
    }
}

/// The region of the browser's language: `us` of `en-US`.
fn likely_country() -> String {
    let language = text::language();
    let region = language.rsplit('-').next().filter(|region| region.len() == 2 && *region != language);
    region.unwrap_or("US").to_ascii_lowercase()
}

/// Codes and names of all countries, sorted by name.
fn countries() -> Vec<(String, String)> {
    let mut named: Vec<_> = COUNTRIES
        .split(' ')
        .map(|code| (code.to_owned(), format::name("region", &code.to_ascii_uppercase())))
        .collect();
    format::sort_by_name(&mut named);
    named
}

/// ISO 3166-1 alpha-2, lower case as the wire has it.
const COUNTRIES: &str = "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt \
bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm \
fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo \
jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt \
mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa \
sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us \
uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";
