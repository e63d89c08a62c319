import{A as e,D as t,F as n,G as r,I as i,K as a,N as o,O as s,R as c,V as l,W as u,X as d,Y as f,j as p,q as m,z as h}from"./shared.js";var g=`clockfold-theme`,_=new d(y()??b()??`auto`);_.follow(()=>{v();try{localStorage.setItem(g,_.value)}catch{}}),v();function v(){_.value===`auto`?delete document.documentElement.dataset.theme:document.documentElement.dataset.theme=_.value}function y(){return x(new URLSearchParams(location.search).get(`theme`))}function b(){try{return x(localStorage.getItem(g))}catch{return null}}function x(e){return e===`auto`||e===`light`||e===`dark`?e:null}var S=class extends u{#e;constructor(){super(),new f(this,i)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#e)}render(){let e=i.value;clearInterval(this.#e),e.is===`waiting`&&(this.#e=setInterval(()=>this.requestUpdate(),1e3));let t=document.documentElement.classList.contains(`tv`);return m`<span class="connection" data-is=${e.is}
      ><span class="dot" aria-hidden="true"></span>
      <span aria-hidden="true">${C(e)}</span>
      <span class="unseen" role="status">${w(e)}</span>
      ${e.is===`waiting`&&!t?m`<button type="button" @click=${c}>Try now</button>`:a}</span
    >`}};function C(e){if(e.is!==`waiting`)return w(e);let t=Math.max(0,Math.ceil((e.retryAt-performance.now())/1e3));return t>0?`Reconnecting in ${t} s`:`Reconnecting…`}function w(e){switch(e.is){case`idle`:return``;case`connecting`:return`Connecting…`;case`live`:return`Live`;case`waiting`:return`Connection lost, reconnecting`;case`signed-out`:return`Signed out`}}customElements.define(`clockfold-connection`,S);var T={auto:`Auto`,light:`Light`,dark:`Dark`},E=class extends u{#e=new Map;#t=null;#n=!1;#r=null;constructor(){super(),new f(this,o,s,_),r.follow(()=>this.#c()),t()}render(){let{page:e,url:t}=o.value,n=e!==null&&!e.open&&t.searchParams.get(`tv`)===`1`;return document.documentElement.classList.toggle(`tv`,n),document.title=e?`${e.title} · Clockfold`:`Clockfold`,n?m`<main id="main" class="wall">${this.#o(e)}</main>`:m`<a class="skip" href="#main">Skip to the content</a>
      <header class="top">
        <span class="brand">Clockfold</span>
        ${this.#i()}
        <clockfold-connection></clockfold-connection>
        ${this.#a()}
      </header>
      <main id="main" tabindex="-1">${this.#o(e)}</main>`}#i(){let e=o.value.page;return e?.open?a:m`<nav aria-label="Pages">
      <ul>
        ${n.map(t=>t.link?m`<li>
                <a href=${t.link.href} aria-current=${t===e?`page`:a}>${t.link.words}</a>
              </li>`:a)}
      </ul>
    </nav>`}#a(){let e=s.value instanceof h?null:s.value?.reader;return m`<div class="choices">
      <label class="choice"
        ><span class="unseen">Light or dark</span>
        <select @change=${e=>_.value=e.target.value}>
          ${Object.entries(T).map(([e,t])=>m`<option value=${e} ?selected=${_.value===e}>${t}</option>`)}
        </select></label
      >
      ${e?.signedIn?m`<span class="who">${e.name}</span> <button type="button" @click=${this.#u}>Sign out</button>`:a}
      <span class="error" role="alert">${this.#r??``}</span>
    </div>`}#o(e){if(!e)return D(`There is no page at this address`,m`The <a href="/">board</a> is at <code>/</code>.`);if(!e.open&&r.value===`out`)return a;if(!e.open&&s.value instanceof h&&s.value.kind===`refused`)return D(`The server does not answer this browser`,m`${l(s.value)}`);let t=this.#e.get(e);return t===`there`?e.draw(o.value):t instanceof Error?D(`This page could not be loaded`,m`Is the server running, and is this computer connected to it? Then load the page again. (${l(t)})`):(t===void 0&&this.#s(e),a)}async#s(e){this.#e.set(e,`loading`);try{await e.load(),this.#e.set(e,`there`)}catch(t){this.#e.set(e,t instanceof Error?t:Error(String(t)))}this.requestUpdate()}updated(){let{page:e}=o.value;this.#t!==e&&(this.#t!==null&&this.querySelector(`main`)?.focus(),this.#t=e)}#c(){let{page:e,url:t}=o.value;if(r.value===`in`&&(this.#n=!0),r.value===`out`&&!e?.open){let e=new URL(`/sign-in`,location.origin),n=t.pathname+t.search;n!==`/`&&e.searchParams.set(`next`,n),this.#n&&!this.#l&&e.searchParams.set(`why`,`ended`),this.#n=!1,p(e,`replace`)}this.requestUpdate()}#l=!1;#u=async()=>{this.#l=!0,this.#r=null;try{await e()}catch(e){this.#r=l(e)}this.#l=!1,this.requestUpdate()}};function D(e,t){return m`<div class="notice" role="alert">
    <h1>${e}</h1>
    <p>${t}</p>
  </div>`}customElements.define(`clockfold-app`,E);export{_ as t};