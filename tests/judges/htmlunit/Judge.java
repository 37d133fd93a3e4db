import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.htmlunit.BrowserVersion;
import org.htmlunit.WebClient;
import org.htmlunit.WebConsole;
import org.htmlunit.html.DomElement;
import org.htmlunit.html.HtmlInput;
import org.htmlunit.html.HtmlPage;

/** Signs people in with the browser that the conformance suite drives: every step by its buttons, with and without scripts. */
public final class Judge {
    private static final String ISSUER = System.getenv("ISSUER");
    private static final String NUMBER = System.getenv("NUMBER");
    private static final String MISMATCH = "+990700001";
    private static final String TELLS_NO_NUMBERS = "tim-mc";
    /** What came back to the app, newest last. */
    private static final ConcurrentLinkedDeque<Map<String, String>> ANSWERS = new ConcurrentLinkedDeque<>();

    private static String back;
    private static String clientId;
    private static String secret;
    /** What the last page said, for whoever reads about a failure. */
    private static String lastPage;
    private static int passed;
    private static int failed;

    private interface Check {
        void run(WebClient browser) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        java.util.logging.LogManager.getLogManager().reset();
        var app = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        app.createContext("/", Judge::answered);
        app.start();
        back = "http://127.0.0.1:" + app.getAddress().getPort() + "/callback";
        register();
        for (boolean scripts : new boolean[] {true, false}) {
            checks(scripts ? "with scripts" : "without scripts", scripts);
        }
        app.stop(0);
        System.out.println("htmlunit: " + passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    private static void checks(String how, boolean scripts) {
        check(how + ": a hinted number, the page, a code", scripts, browser -> {
            press(open(browser, Map.of("login_hint", NUMBER)), "Continue");
            verified();
        });
        check(how + ": a second time in the same browser no page", scripts, browser -> {
            press(open(browser, Map.of("login_hint", NUMBER)), "Continue");
            verified();
            open(browser, Map.of("login_hint", NUMBER));
            verified();
        });
        check(how + ": the number is typed", scripts, browser -> {
            HtmlPage page = open(browser, Map.of("idp_hint", TELLS_NO_NUMBERS));
            field(page, "phone_number").setValueAttribute(NUMBER);
            press(press(page, "Continue"), "Be this SIM");
            verified();
        });
        check(how + ": a number that is none is asked for again", scripts, browser -> {
            HtmlPage page = open(browser, Map.of("idp_hint", TELLS_NO_NUMBERS));
            field(page, "phone_number").setValueAttribute("12");
            page = press(page, "Continue");
            field(page, "phone_number").setValueAttribute(NUMBER);
            press(press(page, "Continue"), "Be this SIM");
            verified();
        });
        check(how + ": the operator tells the number", scripts, browser -> {
            HtmlPage page = press(open(browser, Map.of()), "Be this SIM");
            press(page, "Share my number");
            verified();
        });
        check(how + ": prompt=login shows the page again", scripts, browser -> {
            press(open(browser, Map.of("login_hint", NUMBER)), "Continue");
            verified();
            press(open(browser, Map.of("login_hint", NUMBER, "prompt", "login")), "Continue");
            verified();
        });
        check(how + ": prompt=none without a session", scripts, browser -> {
            open(browser, Map.of("prompt", "none"));
            equal("login_required", answer().get("error"));
        });
        check(how + ": Cancel", scripts, browser -> {
            press(open(browser, Map.of("login_hint", NUMBER)), "Cancel");
            equal("access_denied", answer().get("error"));
        });
        check(how + ": another SIM", scripts, browser -> {
            HtmlPage page = press(open(browser, Map.of("login_hint", MISMATCH)), "Continue");
            press(page, "Return to Judge");
            equal("access_denied", answer().get("error"));
        });
        check(how + ": form_post", scripts, browser -> {
            HtmlPage page = open(browser, Map.of("login_hint", NUMBER, "response_mode", "form_post"));
            page = press(page, "Continue");
            browser.waitForBackgroundJavaScript(2000);
            if (!scripts) {
                press(page, "Return to Judge");
            }
            verified("POST");
        });
        check(how + ": a redirect URI that is not registered stays here", scripts, browser -> {
            String url = url(Map.of()).replace("%2Fcallback", "%2Felsewhere");
            HtmlPage page = browser.getPage(url);
            equal(400, page.getWebResponse().getStatusCode());
            equal(true, page.getUrl().toString().startsWith(ISSUER));
            equal(true, ANSWERS.isEmpty());
        });
        check(how + ": signing out is asked about, and done", scripts, browser -> {
            press(open(browser, Map.of("login_hint", NUMBER)), "Continue");
            verified();
            HtmlPage page = browser.getPage(ISSUER + "/logout");
            press(page, "Sign out");
            open(browser, Map.of("prompt", "none"));
            equal("login_required", answer().get("error"));
        });
    }

    /** Runs one check in a browser of its own, in which no script may fail and no page may be without a title. */
    private static void check(String name, boolean scripts, Check check) {
        ANSWERS.clear();
        List<String> said = new ArrayList<>();
        try (var browser = new WebClient(BrowserVersion.FIREFOX_ESR)) {
            browser.getOptions().setJavaScriptEnabled(scripts);
            browser.getOptions().setThrowExceptionOnScriptError(true);
            browser.getOptions().setThrowExceptionOnFailingStatusCode(false);
            browser.getOptions().setCssEnabled(true);
            browser.getWebConsole().setLogger(new Console(said));
            check.run(browser);
            equal(List.of(), said);
            passed++;
            System.out.println("ok   " + name);
        } catch (Throwable thrown) {
            failed++;
            System.out.println("FAIL " + name + ": " + thrown);
        }
    }

    private static HtmlPage open(WebClient browser, Map<String, String> more) throws IOException {
        return titled(browser.getPage(url(more)));
    }

    private static String url(Map<String, String> more) {
        var params = new TreeMap<>(Map.of(
            "response_type", "code", "client_id", clientId, "redirect_uri", back, "scope", "openid phone number_verified",
            "state", "s-" + System.nanoTime(), "nonce", "n"));
        params.putAll(more);
        var query = new StringBuilder();
        params.forEach((name, value) -> query.append('&').append(name).append('=').append(encoded(value)));
        return ISSUER + "/authorize?" + query.substring(1);
    }

    /** Presses the button or follows the link that says so, as a person reads it. */
    private static HtmlPage press(HtmlPage page, String label) throws IOException {
        for (DomElement element : page.getDocumentElement().getElementsByTagName("button")) {
            if (element.getTextContent().strip().equals(label)) {
                return titled(element.click());
            }
        }
        for (DomElement element : page.getDocumentElement().getElementsByTagName("a")) {
            if (element.getTextContent().strip().equals(label)) {
                return titled(element.click());
            }
        }
        throw new AssertionError("nothing says " + label + " on: " + page.asNormalizedText());
    }

    private static HtmlInput field(HtmlPage page, String name) {
        HtmlInput field = page.getFirstByXPath("//input[@name='" + name + "']");
        if (field == null) {
            throw new AssertionError("no field " + name + " on: " + page.asNormalizedText());
        }
        return field;
    }

    private static HtmlPage titled(HtmlPage page) {
        equal(false, page.getTitleText().isBlank());
        lastPage = page.asNormalizedText();
        return page;
    }

    /** The answer to the app, which has to be there. */
    private static Map<String, String> answer() {
        Map<String, String> answer = ANSWERS.pollLast();
        if (answer == null) {
            throw new AssertionError("the app was not told anything; the last page: " + lastPage);
        }
        equal(ISSUER, answer.get("iss"));
        return answer;
    }

    /** Redeems the code that has come, and reads the ID token. */
    private static void verified() throws Exception {
        verified("GET");
    }

    private static void verified(String method) throws Exception {
        Map<String, String> answer = answer();
        equal(method, answer.get("method"));
        String body = "grant_type=authorization_code&code=" + encoded(String.valueOf(answer.get("code")))
            + "&redirect_uri=" + encoded(back);
        String basic = Base64.getEncoder().encodeToString((clientId + ":" + secret).getBytes(StandardCharsets.UTF_8));
        var request = HttpRequest.newBuilder(URI.create(ISSUER + "/token"))
            .header("Authorization", "Basic " + basic)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(body));
        String tokens = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString()).body();
        String idToken = member(tokens, "id_token");
        String claims = new String(Base64.getUrlDecoder().decode(idToken.split("\\.")[1]), StandardCharsets.UTF_8);
        equal(NUMBER, member(claims, "phone_number"));
        equal(true, claims.contains("\"phone_number_verified\":true"));
    }

    private static void register() throws Exception {
        var command = new ArrayList<>(Arrays.asList(System.getenv("NUMBERCLOAK").split(" ")));
        command.addAll(List.of("client", "create", "--name", "Judge", "--test", "--json", "--redirect-uri", back));
        var process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        clientId = member(told, "client_id");
        secret = member(told, "client_secret");
    }

    /** The app: takes what comes and says that it did. */
    private static void answered(HttpExchange exchange) throws IOException {
        String sent = exchange.getRequestURI().getRawQuery();
        if (exchange.getRequestMethod().equals("POST")) {
            sent = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        }
        if (exchange.getRequestURI().getPath().equals("/callback") && sent != null) {
            var answer = new TreeMap<String, String>();
            answer.put("method", exchange.getRequestMethod());
            for (String pair : sent.split("&")) {
                String[] parts = pair.split("=", 2);
                answer.put(parts[0], URLDecoder.decode(parts.length > 1 ? parts[1] : "", StandardCharsets.UTF_8));
            }
            ANSWERS.add(answer);
        }
        byte[] page = "<!doctype html><title>App</title><p>Thank you".getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/html");
        exchange.sendResponseHeaders(200, page.length);
        exchange.getResponseBody().write(page);
        exchange.close();
    }

    /** A member of flat JSON that is a text. */
    private static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new AssertionError("no " + name + " among what was answered");
        }
        return found.group(1);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static void equal(Object wanted, Object found) {
        if (!wanted.equals(found)) {
            throw new AssertionError("wanted " + wanted + ", found " + found);
        }
    }

    /** Keeps what pages complain about. */
    private record Console(List<String> said) implements WebConsole.Logger {
        @Override public boolean isTraceEnabled() { return false; }
        @Override public void trace(Object message) { }
        @Override public boolean isDebugEnabled() { return false; }
        @Override public void debug(Object message) { }
        @Override public boolean isInfoEnabled() { return false; }
        @Override public void info(Object message) { }
        @Override public boolean isWarnEnabled() { return true; }
        @Override public void warn(Object message) { said.add(String.valueOf(message)); }
        @Override public boolean isErrorEnabled() { return true; }
        @Override public void error(Object message) { said.add(String.valueOf(message)); }
    }
}
