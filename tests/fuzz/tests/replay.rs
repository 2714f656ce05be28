//! Every target bears its seeds; and every input that once broke something, by name.

use fuzz::{TARGETS, find, seeds};

fn run(target: &str, input: &[u8]) {
    (find(target).expect("a target").run)(input);
}

#[test]
fn every_target_bears_its_seeds() {
    for target in TARGETS.iter().filter(|target| target.name != "schedule") {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{} begins with nothing", target.name);
        for seed in seeds {
            run(target.name, &seed);
            // Cut and flipped, they are what no vector is.
            for cut in (0..seed.len()).step_by(1 + seed.len() / 16) {
                run(target.name, &seed[..cut]);
                let mut flipped = seed.clone();
                flipped[cut] ^= 1 << (cut % 8);
                run(target.name, &flipped);
            }
        }
    }
}

/// The writer put it on the line of its label, where no tab may stand: what it wrote, nobody could read.
#[test]
fn a_text_with_a_tab_is_written_so_that_it_is_read() {
    run("pairs", b"tye: x\namount: t: TZmphant-ion: 1.0ref\nnote;\n ACM.00\t\n");
    run("pairs", b"note;\n a\tb\n");
}

/// Trimmed on the line of their label, they came back as another text.
#[test]
fn blanks_at_the_ends_of_a_text_are_kept() {
    run("pairs", b"note;\n  two blanks before and one behind \n");
    run("envelope", b"\0note;\n  x \n");
}

/// It passed for a text, was sealed and sent, and the other side refused the whole message.
#[test]
fn a_text_with_a_control_character_is_refused_before_it_is_sent() {
    run("values", b"\x0020240229\x1c\x1c\x1c\x1c000000000");
    run("values", "\0total\u{202e}05.24$".as_bytes());
}

/// A parser of hosts stopped the program (where debug assertions are on) at a capital letter beside a letter of another
/// alphabet.
#[test]
fn hosts_of_other_alphabets_are_refused_before_they_are_parsed() {
    run("urls", b"tS;SSSpSS\xd1\x83:t");
    run("urls", "https://B\u{fc}cher.example/".as_bytes());
    run("urls", b"https://B%C3%BCcher.example/");
}

/// The label `instrument-` entered the signature, and the record had no room for it: written again, it was gone.
#[test]
fn a_prefix_with_nothing_behind_it_is_no_label() {
    let text = "server-date: 20261121051802954\nswversion: 1.0ref\ninstrument-: shoes\namount: usd 0.00\nkey: AAAA\n";
    run("messages", &[b"\x08\0", text.as_bytes()].concat());
}

/// The target took the tabs that a note may hold for characters that nobody sees.
#[test]
fn a_tab_in_the_merchants_words_is_a_blank() {
    let offer = fuzz::seeds(find("offer").expect("a target")).remove(0);
    let text = String::from_utf8(offer).expect("a text").replacen("Nice Place", "Nice\t\tPlace", 1);
    assert!(text.contains("Nice\t\tPlace"));
    run("offer", text.as_bytes());
}

/// A server's address was as long as an address may be, and then a path went behind it.
#[test]
fn a_servers_address_leaves_room_for_a_path() {
    run("urls", format!("https://pay.example/{}", "x".repeat(2_020)).as_bytes());
    run("urls", format!("pay.example/{}", "x".repeat(1_004)).as_bytes());
}
