// The calls of test_stacks.py; each Java client says how it sends one.
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

abstract class Calls {
    /** How the body goes: with a length, in chunks, or after `100 Continue`. */
    enum How { LENGTH, CHUNKED, EXPECT }

    /** Returns the status, a blank, and the body of the answer; token is null for an upload. */
    abstract String send(String method, String url, String token, byte[] body, How how) throws Exception;

    void all(String base, String token, String order, String picture) throws Exception {
        byte[] body = order.getBytes("UTF-8");
        byte[] pixels = Files.readAllBytes(Path.of(picture));
        String credits = base + "/v1/jobs/credits";
        print("body", send("POST", credits, token, body, How.LENGTH));
        print("keep-alive", send("POST", credits, token, body, How.LENGTH));
        print("expect", send("POST", credits, token, body, How.EXPECT));
        print("chunked", send("POST", credits, token, body, How.CHUNKED));
        String reserved = send("POST", base + "/v1/resource/image", token, "{}".getBytes(), How.LENGTH);
        var putUrl = Pattern.compile("\"putUrl\":\"([^\"]+)\"").matcher(reserved);
        putUrl.find();
        print("upload", send("PUT", putUrl.group(1), null, pixels, How.LENGTH).substring(0, 3));
        print("chunked-upload", send("PUT", putUrl.group(1), null, pixels, How.CHUNKED).substring(0, 3));
    }

    static void print(String check, String answer) {
        System.out.println(check + " " + answer);
    }
}
