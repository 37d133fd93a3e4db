//! Random schedules over two replicas against a model: codes and refresh families, some steps several
//! times at once. What the model says lives is what lives, after every step.

use tokio::task::JoinSet;

use super::{at, code, offline, public, redeeming, refreshing, staying, text, userinfo};
use crate::support::app::App;
use crate::support::rp::{Departure, Rp};
use crate::support::wire::Raw;

/// The same choices for the same seed.
struct Dice(u64);

impl Dice {
    /// One of so many (xorshift).
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// What should be.
#[derive(Debug, Default)]
struct Model {
    rotates: bool,
    redeemed: bool,
    burned: bool,
    ended: bool,
    /// Refresh tokens ever seen, and whether each was used.
    refresh: Vec<(String, bool)>,
    /// Access tokens ever seen, and whether each was given back.
    access: Vec<(String, bool)>,
}

impl Model {
    fn take(&mut self, answer: &Raw) {
        let given = answer.json();
        self.access
            .push((text(&given, "access_token").to_owned(), false));
        if let Some(token) = given["refresh_token"].as_str() {
            self.refresh.push((token.to_owned(), false));
        }
    }
}

struct Play<'a> {
    app: &'a App,
    bases: [String; 2],
    rp: &'a Rp,
    other: &'a Rp,
    departure: Departure,
    code: String,
    model: Model,
    dice: Dice,
    story: Vec<String>,
}

impl Play<'_> {
    /// Sends the same request so many times at once, to both replicas.
    async fn send(&self, rp: &Rp, path: &str, fields: &[(&str, &str)], times: usize) -> Vec<Raw> {
        let mut tasks = JoinSet::new();
        for i in 0..times {
            tasks.spawn(Raw::of(at(&self.bases[i % 2], rp, path, fields)));
        }
        tasks.join_all().await
    }

    fn expect(&mut self, answers: &[Raw], successes: usize) {
        let won: Vec<&Raw> = answers.iter().filter(|one| one.status == 200).collect();
        assert_eq!(won.len(), successes, "{:#?}\n{:?}", self.story, self.model);
        for answer in &won {
            self.model.take(answer);
        }
        for lost in answers.iter().filter(|one| one.status != 200) {
            assert_eq!(lost.error(), "invalid_grant", "{:#?}", self.story);
        }
    }

    async fn redeem(&mut self) {
        let times = 1 + self.dice.roll(3);
        self.story.push(format!("redeem {times}"));
        let (departure, code) = (self.departure.clone(), self.code.clone());
        let fields = redeeming(self.rp, &departure, &code);
        let answers = self.send(self.rp, "/token", &fields, times).await;
        let fresh = !self.model.redeemed && !self.model.burned;
        self.expect(&answers, usize::from(fresh));
        self.model.ended |= !fresh || times > 1;
        self.model.redeemed = true;
    }

    async fn redeem_wrongly(&mut self) {
        self.story.push("redeem with a wrong verifier".to_owned());
        let (departure, code) = (self.departure.clone(), self.code.clone());
        let mut fields = redeeming(self.rp, &departure, &code);
        fields[3].1 = "a-verifier-of-somebody-else-that-is-long-enough-0";
        let answers = self.send(self.rp, "/token", &fields, 1).await;
        self.expect(&answers, 0);
        // A code that is there is burned; one that is not was brought twice.
        let fresh = !self.model.redeemed && !self.model.burned;
        self.model.ended |= !fresh;
        self.model.burned |= fresh;
    }

    async fn steal(&mut self) {
        self.story
            .push("another client tries everything".to_owned());
        let (departure, code) = (self.departure.clone(), self.code.clone());
        let fields = redeeming(self.rp, &departure, &code);
        let answers = self.send(self.other, "/token", &fields, 1).await;
        self.expect(&answers, 0);
        if let Some((token, _)) = self.model.refresh.last().cloned() {
            let answers = self
                .send(self.other, "/token", &refreshing(&token), 1)
                .await;
            self.expect(&answers, 0);
            let answers = self
                .send(self.other, "/revoke", &[("token", &token)], 1)
                .await;
            self.expect(&answers, 0);
        }
    }

    async fn refresh(&mut self) {
        let Some(last) = self.model.refresh.len().checked_sub(1) else {
            return;
        };
        // Mostly the newest, so that families grow.
        let which = if self.dice.roll(5) == 0 {
            self.dice.roll(last + 1)
        } else {
            last
        };
        let times = if self.dice.roll(5) == 0 {
            2 + self.dice.roll(3)
        } else {
            1
        };
        self.story.push(format!("refresh {which} {times}"));
        let (token, used) = self.model.refresh[which].clone();
        let answers = self
            .send(self.rp, "/token", &refreshing(&token), times)
            .await;
        let live = !used && !self.model.ended;
        match (live, self.model.rotates) {
            (false, _) => self.expect(&answers, 0),
            (true, false) => self.expect(&answers, times),
            (true, true) => {
                self.model.refresh[which].1 = true;
                self.expect(&answers, 1);
            }
        }
        self.model.ended |= used || (live && self.model.rotates && times > 1);
    }

    async fn revoke(&mut self) {
        let access = self.dice.roll(4) != 0;
        let all = if access {
            self.model.access.len()
        } else {
            self.model.refresh.len()
        };
        if all == 0 {
            return;
        }
        let which = self.dice.roll(all);
        self.story.push(format!("revoke {which}, access: {access}"));
        let list = if access {
            &mut self.model.access
        } else {
            &mut self.model.refresh
        };
        let token = list[which].0.clone();
        if access {
            list[which].1 = true;
        } else {
            self.model.ended = true;
        }
        let answers = self.send(self.rp, "/revoke", &[("token", &token)], 1).await;
        assert_eq!(answers[0].status, 200);
    }

    async fn compare(&self) {
        for (token, revoked) in &self.model.access {
            let live = !self.model.ended && !revoked;
            let expected = if live { 200 } else { 401 };
            assert_eq!(
                userinfo(self.app, token).await,
                expected,
                "{:#?}",
                self.story
            );
        }
    }
}

async fn play(rotates: bool, seeds: std::ops::Range<u64>) {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let port = |port: u16| format!("http://localhost:{port}");
    let new = if rotates {
        public("played")
    } else {
        offline("played")
    };
    let rp = app.register(new).await;
    let other = app.register(offline("other")).await;
    for seed in seeds {
        let (departure, code) = code(&app, &rp, &staying()).await;
        let mut play = Play {
            app: &app,
            bases: [
                port(app.server.address.port()),
                port(replica.address.port()),
            ],
            rp: &rp,
            other: &other,
            departure,
            code,
            model: Model {
                rotates,
                ..Model::default()
            },
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            story: vec![format!("seed {seed}")],
        };
        for _ in 0..16 {
            match play.dice.roll(24) {
                0 => play.redeem_wrongly().await,
                1..=2 => play.steal().await,
                3 => play.redeem().await,
                4..=5 => play.revoke().await,
                _ if !play.model.redeemed && !play.model.burned => play.redeem().await,
                _ => play.refresh().await,
            }
            play.compare().await;
        }
    }
    replica.stop().await;
}

/// P6 and DESIGN.md section 3: public clients' families.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_families_live_as_the_model_says() {
    play(true, 1..13).await;
}

/// The same for confidential clients, whose refresh tokens stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn families_that_do_not_rotate_live_as_the_model_says() {
    play(false, 1..13).await;
}
