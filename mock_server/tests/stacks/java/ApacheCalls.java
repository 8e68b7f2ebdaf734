// With Apache HttpClient 5, in its default settings.
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.core5.http.io.entity.EntityUtils;

public class ApacheCalls extends Calls {
    // System properties name the trust store.
    final CloseableHttpClient client = HttpClients.createSystem();

    @Override
    String send(String method, String url, String token, byte[] body, How how) throws Exception {
        var request = new HttpUriRequestBase(method, java.net.URI.create(url));
        var type = token == null ? ContentType.IMAGE_PNG : ContentType.APPLICATION_JSON;
        request.setEntity(new ByteArrayEntity(body, type, how == How.CHUNKED));
        request.setConfig(RequestConfig.custom().setExpectContinueEnabled(how == How.EXPECT).build());
        if (token != null) {
            request.setHeader("Authorization", "Bearer " + token);
        }
        return client.execute(request, answer -> {
            String text = answer.getEntity() == null ? "" : EntityUtils.toString(answer.getEntity());
            return answer.getCode() + " " + text;
        });
    }

    public static void main(String[] arguments) throws Exception {
        new ApacheCalls().all(arguments[0], arguments[1], arguments[2], arguments[3]);
    }
}
