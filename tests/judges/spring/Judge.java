package judges;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** The least of an app: everything of its sign-in is in application.yml. */
@SpringBootApplication
@RestController
public class Judge {
    public static void main(String[] args) {
        SpringApplication.run(Judge.class, args);
    }

    /** Shows who is signed in, as a page. */
    @GetMapping(value = "/", produces = "text/html")
    public String who(@AuthenticationPrincipal OidcUser user) {
        String is = user.getName().equals(user.getSubject()) ? "is" : "is not";
        return "<title>" + user.getClaimAsString("phone_number") + " " + is + " the user</title>";
    }
}
