import { createPinia } from "pinia";
import { createApp } from "vue";
import App from "./App.vue";
import { useHouse } from "./stores/house";
import "./styles/main.css";

const app = createApp(App).use(createPinia());
useHouse().start();
app.mount("#app");
