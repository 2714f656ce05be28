//! What fuzzing begins with: the vectors of an independent implementation, and a few inputs of each other kind.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use protocol::Protocol;
use serde_json::json;

use crate::target::{ENTRIES, Target};
use crate::vectors::Vectors;
use crate::wallet::{ORIGIN, contents};

const ADDRESSES: &[&str] = &[
    "https://shop.example/pay?x=1#y",
    "http://127.0.0.1:8402/a",
    "http://[::1]/",
    "http://localhost/",
    "https://Shop.Example:443/x",
    "pay.example",
    "https://xn--bcher-kva.example/",
    "https://10.0.0.1/",
    "https://0x7f.1/",
    "https://user@shop.example/",
    "https:\\\\shop.example\\",
    "https://localhost./",
];

const VALUES: &[&str] = &[
    "usd 42.50",
    "jpy 500",
    "kwd 1.250",
    "usd -70.00",
    "usd 0.0",
    "usd 90071992547409.91",
    "cad 54.25;gbp 1.00",
    "cad 0.60 gbp 1.55",
    "19951105100505456",
    "99991230215959999",
    "20240229000000000",
    "brianb-40",
    "acme.shop-07",
    "0120",
    "65535",
    "9007199254740991",
    "75,123",
    "load,unload",
    "visa; master",
    "en-us",
    "01/2030",
    "us",
    "brianb@reality.example",
    "yes",
    "J/Pi+sqGtgE=",
    "1.550000000",
    "12 Elm Street",
];

/// The first inputs of a target.
pub fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let vectors = Protocol::ALL.map(Vectors::of);
    let messages = || vectors.iter().flat_map(Vectors::messages);
    let sections = || vectors.iter().flat_map(Vectors::sections);
    let chosen = |byte: u8, text: &str| [&[byte], text.as_bytes()].concat();
    match target.name {
        "envelope" => messages().map(|message| message.as_bytes().to_vec()).collect(),
        "pairs" => sections().map(|section| section.as_bytes().to_vec()).collect(),
        "messages" => of_entries(&sections().collect::<Vec<_>>()),
        "values" => VALUES.iter().flat_map(|text| [chosen(0, text), chosen(1, text)]).collect(),
        "urls" => ADDRESSES.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "sealed" => sections().flat_map(|section| (0..12).map(move |byte| chosen(byte, section))).collect(),
        "offer" => offers(&vectors),
        "extension" => extension(),
        "backup" => {
            vec![chosen(1, &contents().to_string()), chosen(0, "PAY CASH WALLET BACKUP\nAQAATAAAAAACAAAAAQ==\n")]
        }
        "till" => till(),
        _ => (0..6_u8).map(|seed| [[seed * 40; 13].as_slice(), &[0, seed, seed, 20, 50, 90]].concat()).collect(),
    }
}

/// Each section for each record that can be read from it.
fn of_entries(sections: &[&str]) -> Vec<Vec<u8>> {
    let entries = (0..ENTRIES.len()).map(|entry| u8::try_from(entry).expect("fewer than 256 records"));
    let fits = |entry: u8, section: &str| {
        let (fields, _) = ENTRIES[usize::from(entry)];
        fields.iter().filter(|field| section.contains(field.label)).count() * 2 > fields.len()
    };
    let all = entries.flat_map(|entry| sections.iter().map(move |section| (entry, *section)));
    all.filter(|(entry, section)| fits(*entry, section))
        .map(|(entry, section)| [&[entry, 0], section.as_bytes()].concat())
        .collect()
}

/// The offers of the vectors, as if the shop had made them.
fn offers(vectors: &[Vectors]) -> Vec<Vec<u8>> {
    let all = vectors.iter().zip([0_u8, 1]).flat_map(|(vectors, byte)| {
        let whole = vectors.text("/payment/pr1");
        let (_, rest) = whole.split_once('\n').expect("a header");
        let (body, _) = rest.split_once("$$-CyberCash-End-").expect("a trailer");
        let here = |line: &str| match line.split_once(": ") {
            Some((label, _)) if label.starts_with("url-") => format!("{label}: {ORIGIN}/{label}\n"),
            _ => format!("{line}\n"),
        };
        let ours: String = body.lines().map(here).collect();
        [
            [&[byte], ours.as_bytes()].concat(),
            [&[byte + 4], body.as_bytes()].concat(),
            [&[2], whole.as_bytes()].concat(),
        ]
    });
    all.collect()
}

fn extension() -> Vec<Vec<u8>> {
    let named = wallet_messages::ACTIONS.iter().map(|name| json!({"action": name, "input": {}}));
    let inputs = [
        ("look-up-server", json!({"server": "https://pay.example"})),
        ("load", json!({"instrument": "dda-4", "amount": "100.00"})),
        ("unload", json!({"instrument": "dda-4", "amount": "1.00"})),
        ("open-session", json!({"amount": "70.00", "minutes": 120, "uses": 25, "note": "Christmas"})),
        ("close-session", json!({"session": "J/Pi+sqGtgE="})),
        ("approve", json!({"request": "1"})),
        ("set-lock", json!({"minutes": 15})),
        ("allow-silent", json!({"origin": ORIGIN, "limit": "5.00", "passphrase": "enterprise"})),
        ("set-opening", json!({"rule": null})),
        ("history", json!({"filter": {"text": "", "kinds": [], "states": []}})),
        ("bind-instrument", json!({"kind": "dda", "number": "059013218175654"})),
    ];
    let filled = inputs.iter().map(|(name, input)| json!({"action": name, "input": input}));
    let ui = named.chain(filled).flat_map(|ask| [(0, ask.clone()), (1, ask)]);
    let pages = [(2, json!({"origin": ORIGIN, "tab": 1, "document": null, "id": "1", "request": "x"}))];
    let keys = [(
        3,
        json!({
            "protocols": ["2.0", "1.0"], "currencies": ["usd"], "agreements": [],
            "keys": [{"serverkey": "CC2001", "protocol": "2.0", "algorithm": "x25519", "spki": "AAAA"}]
        }),
    )];
    ui.chain(pages).chain(keys).map(|(byte, ask)| [&[byte], ask.to_string().as_bytes()].concat()).collect()
}

fn till() -> Vec<Vec<u8>> {
    let order = json!({
        "amount": "usd 42.50", "other-amounts": ["cad 54.25"], "note": "1 pair rocket shoes\nTotal: $42.50",
        "reference": "A-1", "items": [{"name": "shoes", "quantity": 1, "unit": "usd 37.50"},
        {"name": "shipping", "quantity": 1, "unit": "usd 5.00"}], "url-success": "https://shop.example/thanks",
        "expires-minutes": 30
    });
    let all = [
        (0, order),
        (0, json!({"amount": "jpy 500", "note": "tea"})),
        (1, json!({"amount": "usd 2.50", "note": "too small"})),
    ];
    all.iter().map(|(byte, form)| [&[*byte], form.to_string().as_bytes()].concat()).collect()
}

/// Words that mean something, in libFuzzer's form.
pub fn dictionary() -> String {
    let labels = ENTRIES.iter().flat_map(|(fields, _)| fields.iter().map(|field| field.label));
    let words =
        ["$$-CyberCash-1.0-$$", "$$-CyberCash-2.0-$$", "$$-CyberCash-End-", "usd ", "https://", "_1", "success"];
    let words: BTreeSet<&str> = labels.chain(words).chain(wallet_messages::ACTIONS.iter().copied()).collect();
    let mut text = String::new();
    for word in words {
        writeln!(text, "\"{word}\"").expect("writing into a text");
    }
    text
}
