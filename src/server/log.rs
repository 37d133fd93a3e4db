//! Logs: JSON lines for machines or text for people, on standard output. Our own code only; what
//! libraries have to say stays quiet unless something is wrong.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sends this process's logs to standard output. Called once, by the command line.
pub fn log_to_stdout(log: &Log) {
    let filter = EnvFilter::new(format!("warn,numbercloak={}", log.level.as_str()));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    let set = match log.format {
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
        LogFormat::Text => subscriber.with_target(false).compact().try_init(),
    };
    // A second call finds a subscriber in place, which is as good.
    drop(set);
}
