mod answers;
mod conclusions;
mod departures;
mod dialects;
mod fake;
mod id_tokens;
mod tls;
mod walks;
